/* SPDX-License-Identifier: MIT */
/* From JSON text to options. */
#ifndef DESCENT_ENGINE_JSON_H
#define DESCENT_ENGINE_JSON_H

#include <jansson.h>

#include "option/bag.h"

/* Parse an object, to be released with json_decref; `what` begins messages. */
descent_status json_read_object(const char *what, const char *text,
                                size_t length, json_t **out);

/* Set the object's members among `options`, as descent_options_from_json. */
descent_status json_read_options(memory *m, const json_t *object,
                                 descent_options *options);

#endif
