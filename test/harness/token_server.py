# SPDX-License-Identifier: Apache-2.0
"""A token server: who has a password gets a token, for those of the things asked for that they may do."""

import base64
import json
import urllib.parse

from . import tokens
from .listener import Listener

ISSUER, SERVICE = "tokens.test", "registry.test"


class TokenServer:
    """`users` are {name: password}, `allowed(user, repository)` the set of actions that a user may do there."""

    def __init__(self, folder, users, allowed, certificate=None):
        self.users, self.allowed = users, allowed
        self.key = tokens.make_key("ES256")
        self.bundle = folder / "bundle.pem"
        self.bundle.write_text(tokens.pem(tokens.certificate(self.key, "root")))
        self.asked = []  # the scopes
        self.listener = Listener({"GET": self._answer, "POST": self._refuse}, certificate=certificate)

    def close(self):
        self.listener.close()

    def settings(self):
        return {"REGISTRY_AUTH_TOKEN_REALM": f"{self.listener.url}/token",
                "REGISTRY_AUTH_TOKEN_SERVICE": SERVICE, "REGISTRY_AUTH_TOKEN_ISSUER": ISSUER,
                "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE": str(self.bundle)}

    def _refuse(self, request):
        """OAuth: some clients ask this way first, and are content with a refusal."""
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        request.send_error(404)

    def _granted(self, user, scope):
        """Less than was asked for, or nothing: "repository:team/app:pull"."""
        kind, name, actions = scope.split(":")
        given = [action for action in actions.split(",") if action in self.allowed(user, name)]
        return f"{kind}:{name}:{','.join(given)}" if given else None

    def _answer(self, request):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(text).decode().partition(":")
        scopes = [scope for entry in query.get("scope", []) for scope in entry.split()]
        self.asked += scopes
        if scheme != "Basic" or self.users.get(user) != password or query["service"] != [SERVICE]:
            request.send_error(401)
            return
        granted = filter(None, (self._granted(user, scope) for scope in scopes))
        claims = tokens.make_claims(ISSUER, SERVICE, granted, user)
        token = tokens.make_token("ES256", self.key, claims, kid=tokens.fingerprint(self.key))
        body = json.dumps({"token": token, "access_token": token, "expires_in": 300}).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
