/* Runs a fuzz driver over files and the files of folders, without libFuzzer: so the
 * corpus is part of every test run, under any compiler. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int runs;

static int replay_file(const char *path)
{
  FILE *file = fopen(path, "rb");
  struct stat info;
  uint8_t *data; /* exactly as long as the input: reading past it is seen */
  size_t size;

  if (file == NULL || fstat(fileno(file), &info) != 0)
    return fprintf(stderr, "cannot read %s\n", path), 1;
  data = malloc(info.st_size > 0 ? (size_t)info.st_size : 1);
  size = data != NULL ? fread(data, 1, (size_t)info.st_size, file) : 0;
  fclose(file);
  if (data != NULL)
    LLVMFuzzerTestOneInput(data, size);
  free(data);
  runs++;
  return 0;
}

static int replay_folder(const char *path)
{
  struct dirent *entry;
  DIR *folder = opendir(path);
  char name[4096];
  int failed = 0;

  if (folder == NULL)
    return replay_file(path);
  while ((entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] == '.')
      continue;
    snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    failed += replay_file(name);
  }
  closedir(folder);
  return failed;
}

int main(int argc, char **argv)
{
  int failed = 0;

  for (int i = 1; i < argc; i++)
    failed += replay_folder(argv[i]);
  LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
  cro_arena_trim();
  printf("%d inputs, %d unreadable, %llu blocks left\n", runs, failed,
         (unsigned long long)cro_alloc_live());
  return failed > 0 || cro_alloc_live() > 0;
}
