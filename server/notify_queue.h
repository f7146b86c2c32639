/* SPDX-License-Identifier: Apache-2.0
 *
 * notify_queue: events that wait for one endpoint, first in, first out, on the disk, so that they
 * survive the process. A directory of its own:
 *
 *   000000000001.events …   segments: records one after the other, each a length, a checksum and
 *                           the event's text; only the last one is appended to
 *   position                the segment and the offset of the first event that is still to be sent;
 *                           who has a lock on it has the queue
 *
 * An event is on the disk after queue_flush, as far as the kernel is concerned: a process that is
 * killed loses nothing, a machine without power loses what the kernel had not written. What was
 * torn then is passed over. The position follows each event without waiting for the disk: after a
 * crash, events that were sent may be sent again.
 *
 * Where the disk cannot be written, events wait in memory. A queue that is full takes no more:
 * those that wait are the older ones, and the endpoint sees no gap between them.
 *
 * One thread at a time. Calls block.
 */
#ifndef SERVER_NOTIFY_QUEUE_H
#define SERVER_NOTIFY_QUEUE_H

#include "lib/buf.h"
#include "lib/rc.h"

/* A place in the segments. */
struct queue_place {
    uint64_t segment, offset;
};

struct queue {
    char *dir;
    int position;             /* the file; -1: the queue is in memory alone */
    struct queue_place first; /* of the events on the disk */
    struct queue_place end;   /* where the next one goes */
    int reader, writer;       /* the segments of these two; -1: not open */
    uint64_t disk_count;
    struct buf memory; /* records that are not on the disk */
    size_t memory_from;
    uint64_t count, bytes; /* events in all, and their texts */
    bool warned;           /* of a disk that cannot be written */
};

/* Takes over what is there. It is in memory alone if it cannot have the directory, or another
 * process has it: that is tried again when an event comes and none waits. */
void queue_open(struct queue *q, const char *dir);
/* What is still in memory alone is lost. Without events, the directory goes; else its time is that
 * of the call. */
void queue_close(struct queue *q);

/* The caller asks first whether there is room. */
void queue_add(struct queue *q, struct span event);
/* Puts what was added on the disk. */
void queue_flush(struct queue *q);
/* The text of the oldest event; false if there is none. */
bool queue_first(struct queue *q, struct buf *out) MUST_CHECK;
/* Takes away the one that queue_first has found. */
void queue_drop(struct queue *q);

#endif
