/* h1_verdict FILE... - what the server makes of each file's bytes, one line each:
 * the file, the statuses and the connection's end, the requests it understood (hex).
 *
 * Files are fuzz inputs: their first byte is not the peer's. h1_model.py reads this. */
#include "support/h1_rig.h"

#include <stdio.h>
#include <stdlib.h>

static bool read_all(const char *path, cro_buf *out)
{
  char block[4096];
  FILE *file = fopen(path, "rb");
  size_t n;

  if (file == NULL)
    return false;
  while ((n = fread(block, 1, sizeof block, file)) > 0)
    if (cro_buf_add(out, (cro_bytes){ block, n }) != 0)
      abort();
  fclose(file);
  return true;
}

static void judge(const char *path, cro_bytes in)
{
  cro_buf summary = { 0 };
  h1_rig rig;

  if (!h1_rig_open(&rig) || !h1_rig_start(&rig))
    abort();
  h1_rig_feed(&rig, in, 0);
  h1_rig_summary(&rig, &summary);
  printf("%s\t%.*s\t", path, (int)summary.len, summary.at);
  for (size_t i = 0; i < rig.log.len; i++)
    printf("%02x", (unsigned char)rig.log.at[i]);
  putchar('\n');
  cro_buf_free(&summary);
  h1_rig_close(&rig);
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    cro_buf file = { 0 };

    if (!read_all(argv[i], &file)) {
      fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    if (file.len > 1)
      judge(argv[i], (cro_bytes){ file.at + 1, file.len - 1 });
    cro_buf_free(&file);
  }
  return 0;
}
