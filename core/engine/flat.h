/* SPDX-License-Identifier: MIT */
/* The flat lists of Keras: their order is made here, flat_set.c takes them in. */
#ifndef DESCENT_ENGINE_FLAT_H
#define DESCENT_ENGINE_FLAT_H

#include "engine/snapshot.h"

typedef enum flat_kind {
    FLAT_ITEM,       /* of the state */
    FLAT_RATE,       /* the learning rate */
    FLAT_ZERO,       /* a number that Keras keeps and never uses */
    FLAT_PLACEHOLDER /* one zero for state that is not in use */
} flat_kind;

typedef struct flat_item {
    flat_kind kind;
    snapshot_item *item;
} flat_item;

typedef struct flat_list {
    snapshot s; /* without weights */
    flat_item *items;
    size_t count, capacity;
    size_t counter; /* where the iterations are */
    size_t *first;  /* of each tensor: where its items of the state begin */
} flat_list;

/* Refuse a bad optimizer and an unknown order. */
descent_status flat_check_order(const descent_optimizer *o, int order);

/* Put the items of l->s into an order; close the list in any case. */
descent_status flat_fill(flat_list *l, int order);
void flat_close(flat_list *l);

/* Item i as a tensor. */
descent_tensor flat_view(const flat_list *l, size_t i);

#endif
