return {
  out = "planned\nkept\t42\nnil\tI just couldn't do it man!\n9\t4\t1\nHELLO\nplanned\n",
}
