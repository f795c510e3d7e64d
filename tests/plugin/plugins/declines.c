/* SPDX-License-Identifier: MIT */
/* An entry that says why it has no answer. */
#define ID "declines"
#define IN_ENTRY(host)                                                         \
    (host)->fail((host), DESCENT_ERR_SUPPORT, "the moon is in %s",             \
                 "the wrong house")
#define RESULT NULL
#include "plugin.inc.h"
