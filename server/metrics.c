/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics: a set of counters for each row of the table, and one for each method of what has no row.
 */
#include "server/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

enum { METHODS = METHOD_OTHER + 1, SIZE_SHIFT = 10, CODES_MAX = 32 };

static const double times[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60};
enum { TIMES = array_len(times), SIZES = 22 /* 1 KiB, doubled up to 2 GiB */ };

struct sizes {
    uint64_t buckets[SIZES];
    uint64_t sum;
};

struct counter {
    uint64_t in_flight, total;
    struct {
        int code;
        uint64_t n;
    } codes[CODES_MAX]; /* those that came, then zeros */
    uint64_t buckets[TIMES];
    double seconds;
    struct sizes request, response;
};

struct metrics {
    size_t count;
    struct counter counters[]; /* as the rows of the table, then as the methods */
};

struct metrics *metrics_new(void)
{
    size_t count = endpoint_count + METHODS;
    struct metrics *m = must_calloc(sizeof(*m) + count * sizeof(m->counters[0]));
    m->count = count;
    return m;
}

void metrics_free(struct metrics *m)
{
    free(m);
}

/* ---- Counting. -------------------------------------------------------------------------- */

void metrics_begin(struct metrics *m, const struct endpoint *row)
{
    m->counters[row - endpoints].in_flight++;
}

static void count_code(struct counter *c, int code)
{
    size_t i = 0;
    while (i + 1 < CODES_MAX && c->codes[i].code != code && c->codes[i].n > 0)
        i++;
    c->codes[i].code = code;
    c->codes[i].n++;
}

static void count_size(struct sizes *s, uint64_t n)
{
    s->sum += n;
    for (unsigned i = 0; i < SIZES; i++) {
        if (n <= UINT64_C(1) << (SIZE_SHIFT + i)) {
            s->buckets[i]++;
            return;
        }
    }
}

void metrics_end(struct metrics *m, const struct metrics_request *r)
{
    size_t at = r->row ? (size_t)(r->row - endpoints) : endpoint_count + r->method;
    struct counter *c = &m->counters[at];
    if (r->row)
        c->in_flight--;
    c->total++;
    c->seconds += r->seconds;
    count_code(c, r->code);
    count_size(&c->request, r->received);
    count_size(&c->response, r->sent);
    for (size_t i = 0; i < TIMES; i++) {
        if (r->seconds <= times[i]) {
            c->buckets[i]++;
            return;
        }
    }
}

uint64_t metrics_uploads(const struct metrics *m)
{
    const struct span uploads = SPAN("blob_upload");
    uint64_t n = 0;
    for (size_t i = 0; i < endpoint_count; i++)
        if (endpoints[i].scope == SCOPE_PUSH && span_starts(span_of(endpoints[i].name), uploads))
            n += m->counters[i].in_flight;
    return n;
}

/* ---- Telling. --------------------------------------------------------------------------- */

void metrics_add_head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_add(struct buf *b, const char *name, const char *type, const char *help, double value)
{
    metrics_add_head(b, name, type, help);
    buf_printf(b, "%s %.15g\n", name, value);
}

void metrics_add_histogram(struct buf *b, const char *name, const char *labels,
                           const struct metrics_histogram *h)
{
    uint64_t n = 0;
    for (size_t k = 0; k < h->n; k++) {
        n += h->buckets[k];
        buf_printf(b, "%s_bucket{%s,le=\"%.10g\"} %" PRIu64 "\n", name, labels, h->bounds[k], n);
    }
    buf_printf(b, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, h->count);
    buf_printf(b, "%s_sum{%s} %.15g\n", name, labels, h->sum);
    buf_printf(b, "%s_count{%s} %" PRIu64 "\n", name, labels, h->count);
}

static const char *handler_of(size_t i)
{
    return i < endpoint_count ? endpoints[i].name : "other";
}

/* In lower case, as the registry image has it. */
static void add_method(struct buf *b, size_t i)
{
    enum http_method method =
        i < endpoint_count ? endpoints[i].method : (enum http_method)(i - endpoint_count);
    const char *name = method == METHOD_OTHER ? "other" : http_method_name(method);
    for (; *name; name++)
        buf_add_char(b, *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name);
}

static void print_totals(const struct metrics *m, struct buf *b)
{
    metrics_add_head(b, "registry_http_requests_total", "counter", "Requests that are over.");
    for (size_t i = 0; i < m->count; i++) {
        const struct counter *c = &m->counters[i];
        for (size_t k = 0; k < CODES_MAX && c->codes[k].n > 0; k++) {
            buf_printf(b, "registry_http_requests_total{code=\"%d\",handler=\"%s\",method=\"",
                       c->codes[k].code, handler_of(i));
            add_method(b, i);
            buf_printf(b, "\"} %" PRIu64 "\n", c->codes[k].n);
        }
    }
}

/* Is this the first one of its handler? */
static bool is_first(size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (span_eq(span_of(handler_of(k)), span_of(handler_of(i))))
            return false;
    return true;
}

static bool is_same(size_t i, size_t k)
{
    return span_eq(span_of(handler_of(i)), span_of(handler_of(k)));
}

static void print_in_flight(const struct metrics *m, struct buf *b)
{
    metrics_add_head(b, "registry_http_in_flight_requests", "gauge",
                     "Requests that are being worked on.");
    for (size_t i = 0; i < endpoint_count; i++) {
        uint64_t n = 0;
        if (!is_first(i) || endpoints[i].door == DOOR_DEBUG)
            continue;
        for (size_t k = i; k < endpoint_count; k++)
            n += is_same(i, k) ? m->counters[k].in_flight : 0;
        buf_printf(b, "registry_http_in_flight_requests{handler=\"%s\"} %" PRIu64 "\n",
                   handler_of(i), n);
    }
}

static void print_time(const struct counter *c, size_t i, struct buf *b)
{
    struct buf labels;
    buf_init(&labels);
    buf_printf(&labels, "handler=\"%s\",method=\"", handler_of(i));
    add_method(&labels, i);
    buf_add_char(&labels, '"');
    metrics_add_histogram(
        b, "registry_http_request_duration_seconds", labels.p,
        &(struct metrics_histogram){times, c->buckets, TIMES, c->total, c->seconds});
    buf_fini(&labels);
}

static void print_times(const struct metrics *m, struct buf *b)
{
    metrics_add_head(b, "registry_http_request_duration_seconds", "histogram",
                     "From the head of a request to the end of its answer.");
    for (size_t i = 0; i < m->count; i++)
        if (m->counters[i].total > 0)
            print_time(&m->counters[i], i, b);
}

static void print_size(const char *name, const char *handler, const struct sizes *s, uint64_t total,
                       struct buf *b)
{
    double bounds[SIZES];
    struct buf labels;
    for (unsigned k = 0; k < SIZES; k++)
        bounds[k] = (double)(UINT64_C(1) << (SIZE_SHIFT + k));
    buf_init(&labels);
    buf_printf(&labels, "handler=\"%s\"", handler);
    metrics_add_histogram(
        b, name, labels.p,
        &(struct metrics_histogram){bounds, s->buckets, SIZES, total, (double)s->sum});
    buf_fini(&labels);
}

static void add_sizes(struct sizes *to, const struct sizes *s)
{
    to->sum += s->sum;
    for (size_t k = 0; k < SIZES; k++)
        to->buckets[k] += s->buckets[k];
}

/* The registry image has these by handler alone. */
static void print_sizes(const struct metrics *m, const char *name, bool requests, struct buf *b)
{
    metrics_add_head(b, name, "histogram",
                     requests ? "Bytes of requests, with their heads." : "Bytes of bodies sent.");
    for (size_t i = 0; i < m->count; i++) {
        struct sizes all = {.sum = 0};
        uint64_t total = 0;
        for (size_t k = i; is_first(i) && k < m->count; k++) {
            if (!is_same(i, k))
                continue;
            add_sizes(&all, requests ? &m->counters[k].request : &m->counters[k].response);
            total += m->counters[k].total;
        }
        if (total > 0)
            print_size(name, handler_of(i), &all, total, b);
    }
}

void metrics_print(const struct metrics *m, struct buf *b)
{
    print_totals(m, b);
    print_in_flight(m, b);
    print_times(m, b);
    print_sizes(m, "registry_http_request_size_bytes", true, b);
    print_sizes(m, "registry_http_response_size_bytes", false, b);
}
