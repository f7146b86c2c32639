/* SPDX-License-Identifier: Apache-2.0
 *
 * verify_report: what a verification has seen and found. A plain value; whoever holds it may read
 * it.
 */
#ifndef GC_VERIFY_REPORT_H
#define GC_VERIFY_REPORT_H

#include "gc/report.h"
#include "lib/digest.h"

enum verify_phase { VERIFY_DATA, VERIFY_LINKS, VERIFY_REST, VERIFY_OVER };
const char *verify_phase_name(enum verify_phase p); /* "data" */

struct verify_finding {
    char what[416];          /* a digest, or "repository: manifest sha256:…" */
    char reason[384];        /* what is wrong with it */
    struct digest_text data; /* damaged data: what it is; else empty … */
    uint64_t size;           /* … and how much of it */
    char place[256];         /* where it has been moved; empty: it has not */
};
enum { VERIFY_FINDINGS_KEPT = 32 }; /* more than this are counted, not kept */

struct verify_report {
    enum verify_phase phase;
    enum gc_outcome outcome; /* GC_DONE: all was looked at */
    bool moves;              /* what is damaged is moved aside */
    time_t started, ended;   /* ended: 0 while it runs */
    uint64_t work_us;        /* working time alone */

    struct digest_text position; /* the data so far is verified, in the digests' order */
    double progress;             /* the part of it, 0 to 1 */

    uint64_t blobs, bytes;                         /* read, manifests' too */
    uint64_t repositories, manifests, tags, links; /* seen */

    uint64_t damaged, moved; /* data that is not what its digest says */
    uint64_t unreadable;
    uint64_t missing;   /* what something leads to, and is not there */
    uint64_t leftovers; /* temporary files that were removed */
    uint64_t finding_count;
    struct verify_finding findings[VERIFY_FINDINGS_KEPT];
};

/* As a JSON object, on one line, without a newline; and back. false: it is none. */
void verify_report_print(const struct verify_report *r, struct buf *out);
bool verify_report_read(struct span json, struct verify_report *out);
struct cJSON;
void verify_report_take(const struct cJSON *json, struct verify_report *out);

/* A finding for people: "what: reason", and where it is now. */
void verify_finding_print(const struct verify_finding *f, struct buf *out);

#endif
