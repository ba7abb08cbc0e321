#include "bind/app.h"

int main(int argc, char **argv)
{
  return cro_app_main(argc, argv, &lcro_bundle_built);
}
