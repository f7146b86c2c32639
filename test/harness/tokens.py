# SPDX-License-Identifier: Apache-2.0
"""Tokens, the keys that sign them, and the names that these keys have: what a token server does."""

import base64
import datetime
import hashlib
import hmac
import json
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
ALGORITHMS = ["EdDSA"] + [kind + size for kind in ("HS", "RS", "ES", "PS") for size in HASHES]


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number64(number, size=None):
    return url64(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def make_key(algorithm):
    """A private key for an algorithm; bytes for HS."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    if algorithm.startswith("HS"):
        return hashlib.sha256(algorithm.encode()).digest()
    return rsa.generate_private_key(65537, 2048)


def sign(algorithm, key, text):
    if algorithm == "EdDSA":
        return key.sign(text)
    digest = HASHES[algorithm[2:]]()
    if algorithm.startswith("HS"):
        return hmac.new(key, text, "sha" + algorithm[2:]).digest()
    if algorithm.startswith("RS"):
        return key.sign(text, padding.PKCS1v15(), digest)
    if algorithm.startswith("PS"):
        return key.sign(text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    size = (key.curve.key_size + 7) // 8
    pair = utils.decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
    return b"".join(number.to_bytes(size, "big") for number in pair)


def make_token(algorithm, key, claims, **head):
    """claims may be anything that json takes, or bytes as they are."""
    head = {"typ": "JWT", "alg": algorithm, **head}
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    text = f"{url64(json.dumps(head).encode())}.{url64(body)}".encode()
    return f"{text.decode()}.{url64(sign(algorithm, key, text))}"


def make_claims(issuer, service, access=(), user="somebody", lifetime=300, **more):
    """access: ("repository:team/app:pull,push", …)."""
    now = int(time.time())
    grants = []
    for scope in access:
        kind, name, actions = scope.split(":")
        grants.append({"type": kind, "name": name, "actions": actions.split(",")})
    return {"iss": issuer, "aud": service, "sub": user, "iat": now, "nbf": now, "exp": now + lifetime,
            "jti": "1", "access": grants, **more}


def required_members(key):
    """Of the JWK, in the order of RFC 7638."""
    if isinstance(key, bytes):
        return {"k": url64(key), "kty": "oct"}
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"e": number64(numbers.e), "kty": "RSA", "n": number64(numbers.n)}
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": url64(raw)}
    numbers, size = public.public_numbers(), (public.key_size + 7) // 8
    return {"crv": CURVE_NAMES[public.curve.name], "kty": "EC", "x": number64(numbers.x, size),
            "y": number64(numbers.y, size)}


def thumbprint(key):
    """RFC 7638: how registry:3 calls a certificate's key."""
    text = json.dumps(required_members(key), separators=(",", ":"), sort_keys=True)
    return url64(hashlib.sha256(text.encode()).digest())


def fingerprint(key):
    """libtrust's: how registry:2 does."""
    der = key.public_key().public_bytes(serialization.Encoding.DER,
                                        serialization.PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(text[i:i + 4] for i in range(0, 48, 4))


def jwk_of(key, **more):
    return {**required_members(key), **more}


def certificate(key, name, signer=None, signer_name=None, days=(-1, 3650)):
    """A certificate for key; without a signer it signs itself."""
    def called(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(signer_name or name))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now + datetime.timedelta(days=days[0]))
               .not_valid_after(now + datetime.timedelta(days=days[1]))
               .add_extension(x509.BasicConstraints(ca=name.startswith("root"), path_length=None), critical=True))
    signer = signer or key
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def pem(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates).decode()


def x5c(*certificates):
    return [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in certificates]
