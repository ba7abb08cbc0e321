return {
  port = true,
  out = "",
  clients = {
    { run = "curl -sN $URL/count/3", out = "3\n2\n1\nlift-off\n" },
    { run = "curl -si $URL/count/1", out = { "HTTP/1.1 200", "Transfer-Encoding: chunked", "1\nlift-off\n" } },
    { run = "curl -sI $URL/count/200 -m 10", out = { "HTTP/1.1 200" } },
    { run = "curl -s -o /dev/null -w '%{http_code}' $URL/count/256", out = "404" },
    {
      run = "curl -sN $URL/events",
      out = "event: tick\nid: 0\ndata: {\"n\":0}\n\nevent: tick\nid: 1\ndata: {\"n\":1}\n\n"
        .. "event: tick\nid: 2\ndata: {\"n\":2}\n\n",
    },
    { run = "head -c 3000000 /dev/zero | curl -s --data-binary @- $URL/measure", out = "3000000 bytes\n" },
    { run = "head -c 100000 /dev/zero | curl -s -T - -X POST $URL/measure", out = "100000 bytes\n" },
    { run = "curl -sN -m 10 $URL/count/255 | head -n 1", out = "255\n" },
    { run = "curl -sN $URL/count/0", out = "lift-off\n" },
  },
}
