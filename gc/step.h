/* SPDX-License-Identifier: Apache-2.0
 *
 * step: what there is to do after a slice of work.
 */
#ifndef GC_STEP_H
#define GC_STEP_H

enum gc_next {
    GC_MORE,  /* there is more to do */
    GC_PAUSE, /* nothing to do just now: ask again in GC_PAUSE_MS */
    GC_END    /* over: the report says how it went */
};
enum { GC_PAUSE_MS = 50 };

#endif
