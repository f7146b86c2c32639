/* SPDX-License-Identifier: Apache-2.0
 *
 * error: one table from outcomes to answers.
 */
#include "server/error.h"

struct error_row {
    int status;
    const char *code, *message;
};

/* Codes and messages are the registry image's; where it has none, the closest of the
 * specification. */
static const struct error_row rows[RC_COUNT] = {
    [RC_BAD_REQUEST] = {400, "UNSUPPORTED", "bad request"},
    [RC_HEAD_TOO_LARGE] = {431, "UNSUPPORTED", "request header fields too large"},
    [RC_EXPECTATION] = {417, "UNSUPPORTED", "unknown expectation"},
    [RC_NO_ENDPOINT] = {404, "UNSUPPORTED", "no such endpoint"},
    [RC_PRECONDITION] = {412, "UNSUPPORTED", "precondition failed"},
    [RC_BAD_METHOD] = {405, "UNSUPPORTED", "The operation is unsupported."},

    [RC_UNSUPPORTED] = {405, "UNSUPPORTED", "The operation is unsupported."},
    [RC_DENIED] = {403, "DENIED", "requested access to the resource is denied"},
    [RC_UNAUTHORIZED] = {401, "UNAUTHORIZED", "authentication required"},
    [RC_NAME_INVALID] = {400, "NAME_INVALID", "invalid repository name"},
    [RC_NAME_UNKNOWN] = {404, "NAME_UNKNOWN", "repository name not known to registry"},
    [RC_TAG_INVALID] = {400, "TAG_INVALID", "manifest tag did not match URI"},
    [RC_DIGEST_INVALID] = {400, "DIGEST_INVALID", "provided digest did not match uploaded content"},
    [RC_SIZE_INVALID] = {400, "SIZE_INVALID", "provided length did not match content length"},
    [RC_RANGE_INVALID] = {416, "RANGE_INVALID", "invalid content range"},
    [RC_MANIFEST_INVALID] = {400, "MANIFEST_INVALID", "manifest invalid"},
    [RC_MANIFEST_TOO_LARGE] = {413, "MANIFEST_INVALID", "manifest invalid"},
    [RC_MANIFEST_UNKNOWN] = {404, "MANIFEST_UNKNOWN", "manifest unknown"},
    [RC_MANIFEST_BLOB_UNKNOWN] = {400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"},
    [RC_BLOB_UNKNOWN] = {404, "BLOB_UNKNOWN", "blob unknown to registry"},
    [RC_UPLOAD_UNKNOWN] = {404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"},
    [RC_UPLOAD_INVALID] = {404, "BLOB_UPLOAD_INVALID", "blob upload invalid"},
    [RC_UPLOAD_BUSY] = {409, "BLOB_UPLOAD_INVALID", "another request is writing to this upload"},
    [RC_PAGINATION_INVALID] = {400, "PAGINATION_NUMBER_INVALID",
                               "invalid number of results requested"},

    [RC_NOT_FOUND] = {404, "UNSUPPORTED", "not found"},
    [RC_UNAVAILABLE] = {503, "UNAVAILABLE", "service unavailable"},
    [RC_GC_RUNNING] = {409, "UNAVAILABLE", "a garbage collection is running already"},
    [RC_VERIFY_RUNNING] = {409, "UNAVAILABLE", "a verification is running already"},
    [RC_NO_SPACE] = {507, "UNKNOWN", "no space left to store this"},
    [RC_LOW_SPACE] = {507, "UNKNOWN", "no space left to store this"},
    [RC_EXHAUSTED] = {503, "UNAVAILABLE", "service unavailable"},
    [RC_IO] = {500, "UNKNOWN", "unknown error"},
    [RC_INTERNAL] = {500, "UNKNOWN", "unknown error"},
};

static const struct status_line status_lines[] = {
    [STATUS_OK] = {200, "OK"},
    [STATUS_CREATED] = {201, "Created"},
    [STATUS_ACCEPTED] = {202, "Accepted"},
    [STATUS_NO_CONTENT] = {204, "No Content"},
    [STATUS_PARTIAL_CONTENT] = {206, "Partial Content"},
    [STATUS_NOT_MODIFIED] = {304, "Not Modified"},
};

static const struct status_line error_lines[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

struct status_line error_status_line(enum status s)
{
    return status_lines[s];
}

int error_code_client_gone(void)
{
    return 499; /* nginx's number, and the registry image's */
}

static const char *phrase_of(int code)
{
    for (size_t i = 0; i < array_len(error_lines); i++)
        if (error_lines[i].code == code)
            return error_lines[i].phrase;
    return "Error";
}

void error_status(struct reply *r, enum rc rc)
{
    r->code = rows[rc].status;
    r->phrase = phrase_of(r->code);
}

const char *error_message(enum rc rc)
{
    return rows[rc].message;
}

const char *error_phrase(int code)
{
    for (size_t i = 0; i < array_len(status_lines); i++)
        if (status_lines[i].code == code)
            return status_lines[i].phrase;
    for (size_t i = 0; i < array_len(error_lines); i++)
        if (error_lines[i].code == code)
            return error_lines[i].phrase;
    return "";
}

bool error_is_ours(enum rc rc)
{
    /* Who asks at a bad time is told so: that is no failure. */
    return rows[rc].status >= 500 && rc != RC_UNAVAILABLE && rc != RC_LOW_SPACE;
}

enum rc error_rc_of(int code)
{
    static const enum rc told[] = {RC_GC_RUNNING, RC_RANGE_INVALID, RC_NO_ENDPOINT, RC_BAD_REQUEST,
                                   RC_UNAVAILABLE};
    for (size_t i = 0; i < array_len(status_lines); i++)
        if (status_lines[i].code == code)
            return RC_OK;
    for (size_t i = 0; i < array_len(told); i++)
        if (rows[told[i]].status == code)
            return told[i];
    return RC_INTERNAL;
}

/* A string; for an unknown repository an object with its name; JSON as it is for what was wanted by
 * somebody who may not. */
static void add_detail(struct buf *b, enum rc rc, struct span detail)
{
    const char *name = rc == RC_NAME_UNKNOWN ? "name" : NULL;
    buf_add_str(b, ",\"detail\":");
    if (rc == RC_UNAUTHORIZED || rc == RC_DENIED) {
        buf_add_span(b, detail);
        return;
    }
    if (name)
        buf_printf(b, "{\"%s\":", name);
    buf_add_char(b, '"');
    buf_add_json(b, detail);
    buf_add_str(b, name ? "\"}" : "\"");
}

/* One element of "errors". What went wrong inside the server is for its log, not for
 * the client: paths and system errors stay here. */
static void add_item(struct buf *b, enum rc rc, const char *detail)
{
    buf_printf(b, "{\"code\":\"%s\",\"message\":\"%s\"", rows[rc].code, rows[rc].message);
    if (detail && !error_is_ours(rc))
        add_detail(b, rc, span_of(detail));
    buf_add_char(b, '}');
}

struct span error_overload(void)
{
    return SPAN("HTTP/1.1 503 Service Unavailable\r\n"
                "Content-Type: application/json\r\nContent-Length: 87\r\n"
                "Retry-After: 10\r\nConnection: close\r\n\r\n"
                "{\"errors\":[{\"code\":\"UNAVAILABLE\",\"message\":\"there are too many "
                "connections already\"}]}\n");
}

void error_reply(struct reply *r, enum rc rc, const struct fault *f, struct arena *a)
{
    struct buf b;
    buf_init(&b);
    buf_add_str(&b, "{\"errors\":[");
    const struct fault_item *item = f ? f->first : NULL;
    r->code = rows[item ? item->rc : rc].status;
    if (!item)
        add_item(&b, rc, NULL);
    for (; item; item = item->next) {
        add_item(&b, item->rc, item->detail);
        if (item->next)
            buf_add_char(&b, ',');
    }
    buf_add_str(&b, "]}\n");
    r->phrase = phrase_of(r->code);
    reply_bytes(r, "application/json", arena_span(a, buf_span(&b)));
    buf_fini(&b);
}
