/* SPDX-License-Identifier: Apache-2.0
 *
 * requests: as the specification puts them.
 */
#include "test/loop/requests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct digest_text text_of(struct span bytes)
{
    struct digest d = digest_of(DIGEST_SHA256, bytes);
    return digest_print(&d);
}

void send_text(struct client *c, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    assert_true(client_send(c, buf_span(&text)));
    buf_fini(&text);
}

void begin_upload(struct client *c, char path[512])
{
    client_send_str(c,
                    "POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(client_response(c, NULL), 202);
    (void)snprintf(path, 512, "%s", strstr(client_header("Location"), "//a/") + 3);
}

void finish_upload(struct client *c, const char *path, struct span content)
{
    send_text(c, "PUT %s&digest=%s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", path,
              text_of(content).s);
    assert_int_equal(client_response(c, NULL), 201);
}

void send_head(struct client *c, const char *path, const char *headers)
{
    send_text(c, "PATCH %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, headers);
}

void send_chunked(struct client *c, struct span content, size_t piece)
{
    for (struct span left = content; left.n > 0;) {
        size_t n = left.n < piece ? left.n : piece;
        send_text(c, "%zx\r\n", n);
        assert_true(client_send(c, span_head(left, n)));
        client_send_str(c, "\r\n");
        left = span_skip(left, n);
    }
    client_send_str(c, "0\r\n\r\n");
}

uint64_t upload_bytes(struct rig *r, const char *path)
{
    struct name app;
    uint64_t size = UINT64_MAX;
    const char *id = strstr(path, "uploads/") + strlen("uploads/");
    assert_int_equal(name_parse(SPAN("app"), &app, NULL), RC_OK);
    assert_int_equal(upload_size(r->store, app, span_from(id, UPLOAD_ID_LEN), &size, NULL), RC_OK);
    return size;
}

struct upload *hold_upload(struct rig *r, const char *path)
{
    struct name app;
    struct upload *u = NULL;
    const char *id = strstr(path, "uploads/") + strlen("uploads/");
    assert_int_equal(name_parse(SPAN("app"), &app, NULL), RC_OK);
    assert_int_equal(upload_open(r->store, app, span_from(id, UPLOAD_ID_LEN), &u, NULL), RC_OK);
    return u;
}
