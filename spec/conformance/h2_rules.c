/* Prints the rules of spec/c/support/h2_rules.c, one a line: whether requests are to be
 * answered at once, the frames in hex, what is wanted, the name; divided by tabs. */
#include "support/h2_rules.h"
#include "support/h2_script.h"

#include <stdio.h>

static void print_rule(const h2_rule_group *group, const h2_rule *rule)
{
  h2_text bytes = { 0 };

  h2_script(&bytes, rule->script);
  printf("%d\t", group->answered);
  for (size_t i = 0; i < bytes.len; i++)
    printf("%02x", (unsigned char)bytes.at[i]);
  printf("\t%s\t%s\n", rule->want, rule->name);
  h2_text_free(&bytes);
}

int main(void)
{
  for (const h2_rule_group *group = h2_rule_groups; group->title != NULL; group++)
    for (size_t i = 0; i < group->count; i++)
      print_rule(group, &group->rules[i]);
  return 0;
}
