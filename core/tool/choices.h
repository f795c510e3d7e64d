/* SPDX-License-Identifier: MIT */
/* Which options pick which variant of a rule, found by asking the plugin. */
#ifndef DESCENT_TOOL_CHOICES_H
#define DESCENT_TOOL_CHOICES_H

#include <descent/descent.h>
#include <jansson.h>

/* A list with a text for each variant: the fewest options that must differ from
 * their defaults, as "momentum not 0 and nesterov = true"; "" for the variant
 * of the defaults, null when no combination tried gives the variant.  A new
 * reference; NULL when there is no memory. */
json_t *choices_of_variants(const descent_optimizer_type *type);

#endif
