/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: what has been asked of the server, counted under the registry image's names (labels
 * code, handler, method; the handler is the row's name). Loop thread.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include "lib/buf.h"
#include "server/endpoint.h"

struct metrics;

/* A request that is over. */
struct metrics_request {
    const struct endpoint *row; /* NULL: it had none */
    enum http_method method;
    int code;
    double seconds;
    uint64_t received, sent; /* bytes */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* A request of that row is being worked on, from now until metrics_end. */
void metrics_begin(struct metrics *m, const struct endpoint *row);
void metrics_end(struct metrics *m, const struct metrics_request *r);

/* Requests that are pushing blobs at this moment. */
uint64_t metrics_uploads(const struct metrics *m);
/* Prometheus' text format. */
void metrics_print(const struct metrics *m, struct buf *b);

/* A histogram whose head is there already. labels: `name="value",…`. */
struct metrics_histogram {
    const double *bounds;
    const uint64_t *buckets; /* each without those below it */
    size_t n;
    uint64_t count;
    double sum;
};
void metrics_add_histogram(struct buf *b, const char *name, const char *labels,
                           const struct metrics_histogram *h);
/* One value without labels, with what is said of it. */
void metrics_add(struct buf *b, const char *name, const char *type, const char *help, double value);
void metrics_add_head(struct buf *b, const char *name, const char *type, const char *help);

#endif
