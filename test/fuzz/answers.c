/* SPDX-License-Identifier: Apache-2.0
 *
 * answers: heads and bodies.
 */
#include "test/fuzz/answers.h"

#include <string.h>

#include "lib/json.h"
#include "test/fuzz/fuzz.h"

static const char *const names[] = {"Accept-Ranges",
                                    "Allow",
                                    "Cache-Control",
                                    "Connection",
                                    "Content-Length",
                                    "Content-Range",
                                    "Content-Type",
                                    "Date",
                                    "Docker-Content-Digest",
                                    "Docker-Distribution-Api-Version",
                                    "Docker-Upload-Uuid",
                                    "Etag",
                                    "Link",
                                    "Location",
                                    "OCI-Filters-Applied",
                                    "OCI-Subject",
                                    "Range",
                                    "Retry-After",
                                    "X-Content-Type-Options"};

/* OCI-Tag may come several times. */
static size_t name_of(struct span s)
{
    size_t i = 0;
    while (i < array_len(names) && !span_eq(s, span_of(names[i])))
        i++;
    HOLDS(i < array_len(names) || span_eq(s, SPAN("OCI-Tag")));
    return i;
}

static struct span take_head_line(struct span *in)
{
    const char *end = in->n > 0 ? memmem(in->p, in->n, "\r\n", 2) : NULL;
    HOLDS(end != NULL);
    struct span line = span_head(*in, (size_t)(end - in->p));
    *in = span_skip(*in, line.n + 2);
    HOLDS(is_one_line(line));
    return line;
}

/* The head's values, in the order of the names; p is NULL where there is none. */
static void read_fields(struct span *in, struct span values[])
{
    for (struct span line, name, value; (line = take_head_line(in)).n > 0;) {
        HOLDS(span_cut(line, ':', &name, &value) && value.n > 0 && value.p[0] == ' ');
        size_t i = name_of(name);
        if (i == array_len(names))
            continue;
        HOLDS(!values[i].p);
        values[i] = span_skip(value, 1);
    }
}

static struct span field(const struct span values[], const char *name)
{
    return values[name_of(span_of(name))];
}

static struct pattern status = {"HTTP/1\\.1 [1-5][0-9][0-9] [A-Za-z' -]+", NULL};

static void check_body(const struct sent *s)
{
    if (span_starts(s->type, SPAN("application/json")) && s->body.n > 0)
        HOLDS(json_is_sound(s->body, JSON_DEPTH_MAX, SIZE_MAX));
}

static void read_answer(struct span *in, bool is_head, bool may_be_head, struct sent *out)
{
    struct span values[array_len(names)] = {{0}}, line = take_head_line(in);
    uint64_t code, length = 0;
    HOLDS(is_match(&status, line) && span_to_u64(span_head(span_skip(line, 9), 3), &code));
    read_fields(in, values);
    struct span says = field(values, "Content-Length");
    bool bare = code < 200 || code == 204 || code == 304;
    HOLDS(bare ? !says.p : span_to_u64(says, &length));
    HOLDS(code < 200 || field(values, "Date").p);
    *out = (struct sent){.code = (int)code,
                         .type = field(values, "Content-Type"),
                         .digest = field(values, "Docker-Content-Digest"),
                         .closes = span_eq(field(values, "Connection"), SPAN("close"))};
    /* Who cannot read a head does not know that it is HEAD's, and stops listening. */
    bool refused = out->closes && (code == 400 || code == 431);
    if ((is_head && !refused) || ((is_head || may_be_head) && in->n == 0))
        return;
    HOLDS(in->n >= length);
    out->body = span_head(*in, (size_t)length);
    *in = span_skip(*in, (size_t)length);
    check_body(out);
}

void answers_read(struct span in, const bool *is_head, size_t requests, struct answers *out)
{
    out->count = 0;
    while (in.n > 0) {
        struct sent s;
        HOLDS(out->count <= requests && out->count < ANSWERS_MAX);
        HOLDS(out->count == 0 || !out->all[out->count - 1].closes);
        bool known = out->count < requests;
        read_answer(&in, known && is_head[out->count], !known, &s);
        if (s.code >= 200)
            out->all[out->count++] = s;
    }
}
