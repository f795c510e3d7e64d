/* SPDX-License-Identifier: MIT */
/* Unchecked text in messages. */
#ifndef DESCENT_PLUGIN_SHOW_H
#define DESCENT_PLUGIN_SHOW_H

enum { SHOWN = 96 };

/* Copy `text` for a message that quotes it: control bytes, line ends among
 * them, become '?', and what does not fit "...".  Returns `shown`. */
const char *show_text(const char *text, char shown[SHOWN]);

#endif
