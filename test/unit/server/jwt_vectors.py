# SPDX-License-Identifier: Apache-2.0
"""Prints jwt_vectors.txt: keys and tokens made without the code under test. Run it in test/:

    python3 -m unit.server.jwt_vectors > unit/server/jwt_vectors.txt

Each line says what it is, a name, and the text: "good|fingerprint of a jwk|eyJ…". All good tokens are from
"issuer" for "service" and somebody, from 1000 s to the year 9892.
"""

import json

from harness import tokens

FAR = 250000000000  # a time in the year 9892
CLAIMS = {"iss": "issuer", "aud": "service", "sub": "somebody", "exp": FAR, "nbf": 1000,
          "access": [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]},
                     {"type": "registry", "name": "catalog", "actions": ["*"]},
                     {"type": "repository", "name": "none", "actions": None}]}


def rows(what, pairs):
    for name, text in pairs:
        print(f"{what}|{name}|{text}")


def main():
    keys = {a: tokens.make_key(a) for a in tokens.ALGORITHMS}
    keys["PS256"] = keys["RS384"] = keys["RS512"] = keys["PS384"] = keys["PS512"] = keys["RS256"]
    root, leaf, other = (tokens.make_key("ES256") for _ in range(3))
    root_cert = tokens.certificate(root, "root", days=(-9000, 300000))
    leaf_cert = tokens.certificate(leaf, "leaf", root, "root", days=(-9000, 300000))
    stray_cert = tokens.certificate(leaf, "leaf", other, "root", days=(-9000, 300000))
    old_cert = tokens.certificate(leaf, "leaf", root, "root", days=(-9000, -8000))
    jwks = {"keys": [tokens.jwk_of(keys[a], kid="key-" + a) for a in tokens.ALGORITHMS]}
    rsa, es = keys["RS256"], keys["ES256"]

    def token(algorithm, key, claims=CLAIMS, **head):
        return tokens.make_token(algorithm, key, claims, **head)

    print(f"jwks|all|{json.dumps(jwks)}")
    rows("bundle", [("line", line) for line in tokens.pem(root_cert).splitlines()])
    rows("good", [(a, token(a, keys[a], kid="key-" + a)) for a in tokens.ALGORITHMS] + [
        ("thumbprint of a certificate", token("ES256", root, kid=tokens.thumbprint(root))),
        ("fingerprint of a certificate", token("ES256", root, kid=tokens.fingerprint(root))),
        ("thumbprint of a jwk", token("RS256", rsa, kid=tokens.thumbprint(rsa))),
        ("fingerprint of a jwk", token("RS256", rsa, kid=tokens.fingerprint(rsa))),
        ("thumbprint of P-521", token("ES512", keys["ES512"], kid=tokens.thumbprint(keys["ES512"]))),
        ("thumbprint of Ed25519", token("EdDSA", keys["EdDSA"], kid=tokens.thumbprint(keys["EdDSA"]))),
        ("chain of one", token("ES256", root, x5c=tokens.x5c(root_cert))),
        ("chain of two", token("ES256", leaf, x5c=tokens.x5c(leaf_cert, root_cert))),
        ("chain without its end", token("ES256", leaf, x5c=tokens.x5c(leaf_cert))),
        ("jwk that is trusted", token("ES256", es, jwk=tokens.jwk_of(es))),
        ("jwk with a chain", token("ES256", leaf, jwk=tokens.jwk_of(leaf, x5c=tokens.x5c(leaf_cert)))),
        ("chain before kid", token("ES256", leaf, x5c=tokens.x5c(leaf_cert), kid="no such")),
    ])
    good = token("RS256", rsa, kid="key-RS256")
    head, body, signature = good.split(".")
    none = tokens.url64(b'{"alg":"none"}')
    public = tokens.pem(root_cert).encode()
    rows("bad", [
        ("nothing", ""),
        ("one part", head),
        ("two parts", f"{head}.{body}"),
        ("four parts", f"{head}.{body}.{signature}.{signature}"),
        ("no signature", f"{head}.{body}."),
        ("none", f"{none}.{body}."),
        ("none with a signature", f"{none}.{body}.{signature}"),
        ("changed body", f"{head}.{tokens.url64(json.dumps({**CLAIMS, 'sub': 'root'}).encode())}.{signature}"),
        ("changed signature", f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"),
        ("short signature", f"{head}.{body}.{signature[:-4]}"),
        ("padding", f"{head}.{body}.{signature}=="),
        ("blank", f"{head}.{body}.{signature} "),
        ("head not json", f"{tokens.url64(b'{{')}.{body}.{signature}"),
        ("head a list", f"{tokens.url64(b'[]')}.{body}.{signature}"),
        ("head deep", f"{tokens.url64(b'[' * 3000)}.{body}.{signature}"),
        ("no kid", token("RS256", rsa)),
        ("empty kid", token("RS256", rsa, kid="")),
        ("kid of nobody", token("RS256", rsa, kid="no such")),
        ("kid no text", token("RS256", rsa, kid=1)),
        ("key of another", token("ES256", other, kid="key-ES256")),
        ("another type of key", token("ES256", es, kid="key-RS256")),
        ("another hash", token("ES384", keys["ES384"], kid="key-ES256")),
        ("secret is a public key", token("HS256", public, kid=tokens.thumbprint(root))),
        ("secret is a key's name", token("HS256", b"key-RS256-key-RS256", kid="key-RS256")),
        ("crit", token("RS256", rsa, kid="key-RS256", crit=["x"])),
        ("jwk of nobody", token("ES256", other, jwk=tokens.jwk_of(other))),
        ("jwk a secret", token("HS256", b"0123456789abcdef", jwk=tokens.jwk_of(b"0123456789abcdef"))),
        ("jwk with the chain of another", token("ES256", other, jwk=tokens.jwk_of(other, x5c=tokens.x5c(leaf_cert)))),
        ("chain to nobody", token("ES256", leaf, x5c=tokens.x5c(stray_cert))),
        ("chain of another", token("ES256", other, x5c=tokens.x5c(leaf_cert))),
        ("chain that has ended", token("ES256", leaf, x5c=tokens.x5c(old_cert, root_cert))),
        ("chain before a good kid", token("RS256", rsa, x5c=[], kid="key-RS256")),
        ("chain no list", token("RS256", rsa, x5c="x", kid="key-RS256")),
        ("chain of eleven", token("ES256", leaf, x5c=tokens.x5c(*[leaf_cert] * 11))),
        ("long", token("RS256", rsa, {**CLAIMS, "jti": "x" * 16384}, kid="key-RS256")),
    ])


if __name__ == "__main__":
    main()
