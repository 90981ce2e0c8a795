"""What is tried against access tokens: each row is a token that must be refused. Some are forged by somebody without the key,
some signed with the very key of the server, so that nothing but what they say is wrong with them."""

import base64
import functools
import hashlib
import hmac
import json
import time
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

SECOND = 1_000_000


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text(value):
    """As JSON, unless it is text already."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def part(value):
    return b64(value if isinstance(value, bytes) else text(value).encode())


def joined(header, payload, signature):
    return f"{part(header)}.{part(payload)}.{b64(signature)}"


@functools.cache
def strange_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def rs256(key, header, payload, digest=hashes.SHA256(), pad=padding.PKCS1v15()):
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{b64(key.sign(signed.encode(), pad, digest))}"


def mac(secret, header, payload, digest="sha256"):
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"


def without(members, *names):
    return {name: value for name, value in members.items() if name not in names}


def twice(members, name, value):
    """As JSON, with a member of that name before and one behind."""
    inside = text(members)[1:-1]
    return [f"{{{json.dumps(name)}:{json.dumps(value)},{inside}}}", f"{{{inside},{json.dumps(name)}:{json.dumps(value)}}}"]


class Attacks:
    """`token`: a good one of somebody; `key`: what the server signs with; `victim`: the id of somebody of more rights."""

    def __init__(self, token, key, victim):
        self.token, self.key, self.victim = token, key, victim
        self.head, self.body, self.sign = token.split(".")
        self.header, self.payload = (json.loads(base64.urlsafe_b64decode(one + "==")) for one in (self.head, self.body))
        self.signature = base64.urlsafe_b64decode(self.sign + "==")
        self.richer = {**self.payload, "sub": victim, "role": "admin"}
        public = key.public_key()
        self.numbers = public.public_numbers()
        self.modulus = self.numbers.n.to_bytes(256, "big")
        self.pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.pkcs1 = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)

    def all(self):
        """[(what it is, token)]"""
        found = []
        for family in (self.algorithms, self.macs, self.other_algorithms, self.key_ids, self.header_members, self.header_texts,
                       self.signatures, self.shapes, self.encodings, self.claims, self.payload_texts, self.nested):
            found += family()
        return found

    def signed(self, payload, header=None):
        return rs256(self.key, self.header if header is None else header, payload)

    def algorithms(self):
        for alg in ("none", "None", "NONE", "nOnE", "nonE", "", " none", "none ", "none\u0000", "n\u00f6ne", "ｎｏｎｅ", None, 0, False, [], {},
                    ["none"]):
            header = {**self.header, "alg": alg}
            yield f"alg {alg!r} without a signature", f"{part(header)}.{part(self.richer)}."
            yield f"alg {alg!r} with the old signature", f"{part(header)}.{part(self.richer)}.{self.sign}"
        yield "alg none of two parts", f"{part({'alg': 'none'})}.{part(self.richer)}"
        for alg in ("rs256", "RS256 ", "RS256\u0000", "RS256\n", "ＲＳ２５６", "RSA256", "RS255", "RS384", "RS512", "PS256", "RSA-OAEP", "dir",
                    ["RS256"], {"RS256": 1}, 256, True, None):
            yield f"alg {alg!r}, signed well", self.signed(self.payload, {**self.header, "alg": alg})
        yield "no alg, signed well", self.signed(self.payload, without(self.header, "alg"))

    def macs(self):
        secrets = {"PEM": self.pem, "PEM without its last line's end": self.pem.strip(), "PEM with CRLF": self.pem.replace(b"\n", b"\r\n"),
                   "PKCS#1 PEM": self.pkcs1, "DER": self.der, "DER in base64": base64.b64encode(self.der), "modulus": self.modulus,
                   "modulus in base64url": b64(self.modulus).encode(), "kid": self.header["kid"].encode(), "nothing": b"",
                   "null": b"\0", "secret": b"secret", "your-256-bit-secret": b"your-256-bit-secret"}
        for name, secret in secrets.items():
            yield f"HS256 by {name}", mac(secret, {**self.header, "alg": "HS256"}, self.richer)
            yield f"said to be RS256, a MAC by {name}", mac(secret, self.header, self.richer)
        for alg, digest in (("HS384", "sha384"), ("HS512", "sha512")):
            yield f"{alg} by PEM", mac(self.pem, {**self.header, "alg": alg}, self.richer, digest)
        for kid in ("/dev/null", "", "../../../../dev/null"):
            yield f"HS256 by nothing, kid {kid!r}", mac(b"", {"alg": "HS256", "typ": "JWT", "kid": kid}, self.richer)
        for word in ("password", "123456", "steward", "changeme", "jwt", "key"):
            yield f"HS256 by {word}", mac(word.encode(), {**self.header, "alg": "HS256"}, self.richer)

    def other_algorithms(self):
        for size, alg in ((32, "ES256"), (48, "ES384"), (66, "ES512")):
            header = {**self.header, "alg": alg}
            yield f"{alg} by zeros", joined(header, self.richer, b"\0" * 2 * size)  # CVE-2022-21449
            yield f"{alg} by an empty DER", joined(header, self.richer, bytes.fromhex("3006020100020100"))
            yield f"{alg} without a signature", f"{part(header)}.{part(self.richer)}."
        head = {**self.header, "alg": "ES256"}
        signed = f"{part(head)}.{part(self.richer)}"
        curve = ec.generate_private_key(ec.SECP256R1())
        yield "ES256 by a strange key", f"{signed}.{b64(curve.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))}"
        head = {**self.header, "alg": "EdDSA"}
        signed = f"{part(head)}.{part(self.richer)}"
        yield "EdDSA by a strange key", f"{signed}.{b64(ed25519.Ed25519PrivateKey.generate().sign(signed.encode()))}"
        for digest, pad in ((hashes.SHA1(), padding.PKCS1v15()), (hashes.SHA512(), padding.PKCS1v15()),
                            (hashes.SHA256(), padding.PSS(padding.MGF1(hashes.SHA256()), 32))):
            yield f"RS256 over {digest.name}, {pad.name}", rs256(self.key, self.header, self.payload, digest, pad)
            yield f"its own alg over {digest.name}, {pad.name}", rs256(
                self.key, {**self.header, "alg": "PS256" if digest.name == "sha256" else "RS512"}, self.payload, digest, pad)

    def key_ids(self):
        for kid in ("", "unknown", "../../../../dev/null", "/dev/null", "file:///dev/null", "' union select 'AAAA' -- ", "| id", "0", "-1",
                    "http://127.0.0.1/key", "%2e%2e%2fdev%2fnull", "\u0000", self.header["kid"].lower(), self.header["kid"] + " ",
                    self.header["kid"] + "\u0000", self.header["kid"][:-1], "x" * 1500):
            yield f"kid {kid[:60]!r}, by a strange key", rs256(strange_key(), {**self.header, "kid": kid}, self.richer)
            yield f"kid {kid[:60]!r}, signed well", self.signed(self.payload, {**self.header, "kid": kid})
        for kid in (None, 0, True, [self.header["kid"]], {"kid": self.header["kid"]}):
            yield f"kid {text(kid)[:20]}", self.signed(self.payload, {**self.header, "kid": kid})
        yield "no kid, signed well", self.signed(self.payload, without(self.header, "kid"))
        yield "no kid, by a strange key", rs256(strange_key(), without(self.header, "kid"), self.richer)
        yield "our kid, by a strange key", rs256(strange_key(), self.header, self.richer)

    def header_members(self):
        public = strange_key().public_key().public_numbers()
        jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.header["kid"], "e": "AQAB", "n": b64(public.n.to_bytes(256, "big"))}
        own = {**jwk, "n": b64(self.modulus)}
        secret = {"kty": "oct", "k": b64(b"secret"), "alg": "HS256"}
        for name, value in (("jwk", jwk), ("jwk", own), ("jwk", secret), ("jwk", None), ("jku", "http://127.0.0.1/jwks.json"),
                            ("jku", "file:///dev/null"), ("jku", "/.well-known/jwks.json"), ("x5u", "https://example.com/cert.pem"),
                            ("x5c", [base64.b64encode(self.der).decode()]), ("x5t", b64(b"\0" * 20)), ("x5t#S256", b64(b"\0" * 32)),
                            ("crit", ["exp"]), ("crit", []), ("crit", ["b64"]), ("crit", "exp"), ("b64", False), ("zip", "DEF"),
                            ("cty", "JWT"), ("enc", "A256GCM"), ("exp", 9999999999), ("p2c", 2_000_000_000), ("ALG", "none"),
                            ("alg ", "none"), ("__proto__", {}), ("", "")):
            header = {**self.header, name: value}
            yield f"{name} {text(value)[:30]}, by a strange key", rs256(strange_key(), header, self.richer)
            yield f"{name} {text(value)[:30]}, signed well", self.signed(self.payload, header)
        yield "jwk alone", rs256(strange_key(), {"alg": "RS256", "typ": "JWT", "jwk": jwk}, self.richer)
        yield "jwk of a secret alone", mac(b"secret", {"alg": "HS256", "typ": "JWT", "jwk": secret}, self.richer)
        for typ in ("", "jwt2", "JWE", "JOSE", "secevent+jwt", "dpop+jwt", "refresh", None, 1, ["JWT"]):
            yield f"typ {typ!r}", self.signed(self.payload, {**self.header, "typ": typ})

    def header_texts(self):
        good = text(self.header)
        for name, value in (("alg", "none"), ("alg", "RS256"), ("kid", "unknown"), ("kid", self.header["kid"]), ("typ", "JWT")):
            for place, header in zip(("first", "last"), twice(self.header, name, value)):
                yield f"{name} {value[:10]} twice, {place}", self.signed(self.payload, header)
        yield "alg twice, once escaped", self.signed(self.payload, twice(self.header, "alg", "none")[1].replace('"alg":"none"', '"\\u0061lg":"none"'))
        for name, header in (("empty", ""), ("null", "null"), ("a list", f"[{good}]"), ("a text", json.dumps(good)), ("a number", "1"),
                             ("cut", good[:-1]), ("followed", good + "x"), ("two", good + good), ("a comma too many", good[:-1] + ",}"),
                             ("a comment", good[:-1] + "/**/}"), ("one quote", good.replace('"', "'")), ("a BOM", "\ufeff" + good),
                             ("deep", "[" * 1500), ("NaN", good[:-1] + ',"x":NaN}')):
            yield f"header: {name}", self.signed(self.payload, header)
        yield "header: no UTF-8", self.signed(self.payload, good.encode()[:-1] + b',"typ":"\xff"}')
        yield "header: UTF-16", self.signed(self.payload, good.encode("utf-16"))

    def signatures(self):
        size = len(self.signature)
        for name, signature in (("empty", b""), ("of one byte", b"\0"), ("zeros", b"\0" * size), ("ones", b"\xff" * size), ("the number 1", b"\0" * (size - 1) + b"\1"),
                                ("the modulus", self.modulus), ("cut", self.signature[:-1]), ("longer", self.signature + b"\0"),
                                ("behind a zero", b"\0" + self.signature), ("turned round", self.signature[::-1]),
                                ("twice", self.signature * 2), ("and the modulus", (int.from_bytes(self.signature, "big") + self.numbers.n).to_bytes(size + 1, "big"))):
            yield f"signature: {name}", joined(self.header, self.payload, signature)
        for bit in (0, 7, 1024, 2047):
            changed = int.from_bytes(self.signature, "big") ^ (1 << bit)
            yield f"signature: bit {bit} turned", f"{self.head}.{self.body}.{b64(changed.to_bytes(size, 'big'))}"
        # Bleichenbacher 2006: the root of something that only begins as it should; for e = 65537 of no use, and tried all the same
        info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(f"{self.head}.{part(self.richer)}".encode()).digest()
        block = int.from_bytes(b"\0\1\xff\0" + info + b"\0" * (size - 4 - len(info)), "big")
        yield "signature: not even encrypted", joined(self.header, self.richer, block.to_bytes(size, "big"))
        yield "signature of another token", f"{self.head}.{part(self.richer)}.{self.sign}"
        yield "signature in hexadecimal", f"{self.head}.{self.body}.{self.signature.hex()}"

    def shapes(self):
        head, body, sign = self.head, self.body, self.sign
        for name, token in (("no dots", head), ("two parts", f"{head}.{body}"), ("four parts", f"{head}.{body}.{sign}.{sign}"),
                            ("five parts", f"{head}.{body}.{sign}..{sign}"), ("an empty header", f".{body}.{sign}"),
                            ("an empty payload", f"{head}..{sign}"), ("only dots", ".."), ("a dot", "."), ("a dot behind", f"{self.token}."),
                            ("a dot before", f".{self.token}"), ("parts exchanged", f"{body}.{head}.{sign}"), ("header twice", f"{head}.{head}.{sign}"),
                            ("as JSON", json.dumps({"protected": head, "payload": body, "signature": sign})), ("twice", self.token + self.token),
                            ("two, by a comma", f"{self.token},{self.token}"), ("quoted", f'"{self.token}"'), ("upper case", self.token.upper()),
                            ("Bearer twice", f"Bearer {self.token}"), ("a fragment", f"{self.token}#"), ("cut in half", self.token[:len(self.token) // 2]),
                            ("words behind", f"{self.token} {self.token}"), ("4097 bytes", "x" * 4097), ("7000 bytes", f"{head}.{'A' * 6000}.{sign}"),
                            ("detached", f"{head}..{b64(self.signature)}")):
            yield f"shape: {name}", token
        for number in range(1, 4):
            yield f"shape: {number} characters less", self.token[:-number]
        yield "too long, signed well", self.signed({**self.payload, "more": "x" * 4000})

    def encodings(self):
        for place in range(3):
            parts = self.token.split(".")

            def with_part(changed, place=place, parts=parts):
                return ".".join(parts[:place] + [changed] + parts[place + 1:])
            one = parts[place]
            for name, changed in (("padded", one + "="), ("padded twice", one + "=="), ("a space", one[:9] + " " + one[9:]), ("percent", one[:9] + "%41" + one[10:]),
                                  ("a tab", one[:9] + "\t" + one[9:]), ("an umlaut", one[:9] + "\xe4" + one[10:]), ("plus", one[:9] + "+" + one[10:]),
                                  ("slash", one[:9] + "/" + one[10:]), ("one more", one + "A"), ("a star", one + "*")):
                yield f"part {place}: {name}", with_part(changed)
        # the last character has bits that no byte needs: four spellings of the same bytes
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(self.sign[-1])
        for more in range(1, 4):
            other = alphabet[last ^ more]
            assert base64.urlsafe_b64decode(self.sign[:-1] + other + "==") == self.signature
            yield f"signature spelt otherwise, {more}", f"{self.token[:-1]}{other}"
        slashes = base64.b64encode(text({**self.payload, "more": "?" * 9}).encode()).rstrip(b"=").decode()
        assert "/" in slashes
        for name, payload in (("in hexadecimal", text(self.payload).encode().hex()), ("as it is", text(self.payload)),
                              ("in base64 of the other sort", slashes)):
            signed = f"{self.head}.{payload}"
            yield f"payload {name}", f"{signed}.{b64(self.key.sign(signed.encode('latin-1'), padding.PKCS1v15(), hashes.SHA256()))}"

    def claims(self):
        now, good = int(time.time()), self.payload
        wrong = {"iss": ["", "Steward", "steward ", "https://steward", "stew\u0430rd", None, 1, ["steward"]],
                 "aud": ["", "Steward", "steward-admin", "stew\u0430rd", None, 1, ["steward"], ["steward", "other"], {"steward": 1}],
                 "sub": ["", good["sub"].upper(), "{" + good["sub"] + "}", good["sub"].replace("-", ""), str(uuid.uuid4()), good["sub"] + "\u0000", "0", None, 1,
                         [good["sub"]], "' or 1=1 --", "00000000-0000-0000-0000-000000000000"],
                 "org": ["", good["org"].upper(), str(uuid.uuid4()), None, 1, [good["org"]], good["sub"], "00000000-0000-0000-0000-000000000000"],
                 "jti": ["", "1", None, 1], "role": ["", None, 1, ["admin"], "x" * 200],
                 "sv": [0, -1, good["sv"] + 1, str(good["sv"]), float(good["sv"]) + 0.5, 1 << 32 | good["sv"], None, True, [good["sv"]]],
                 "exp": [now - 1, now, 0, -1, good["iat"], str(good["exp"]), good["exp"] + 0.5, 1e20, 1 << 63, 10 ** 40, None, True, [good["exp"]],
                         good["exp"] * 1000, good["exp"] * SECOND],
                 "iat": [now + 120, -1, str(good["iat"]), good["iat"] + 0.5, None, True, 1 << 63, good["exp"] + 1],
                 "nbf": [now + 120, -1, str(now), now + 0.5, None, True, 1 << 63, []]}
        for name, values in wrong.items():
            for value in values:
                yield f"{name} {text(value)[:50]!r}", self.signed({**good, name: value})
            if name != "nbf":
                yield f"no {name}", self.signed(without(good, name))
        for other in ("Sub", "EXP", "Aud", "sub ", "\u017fub"):
            yield f"{other!r} for {other.strip().lower()!r}", self.signed({**without(good, other.strip().lower(), "sub" if ord(other[0]) > 255 else ""), other: good["sub"]})

    def payload_texts(self):
        good = text(self.payload)
        for name, value in (("sub", self.victim), ("exp", 9999999999), ("role", "admin"), ("org", self.payload["org"]), ("aud", "steward")):
            for place, payload in zip(("first", "last"), twice(self.payload, name, value)):
                yield f"payload: {name} twice, {place}", self.signed(payload)
        yield "payload: sub twice, once escaped", self.signed(good[:-1] + f',"s\\u0075b":"{self.victim}"}}')
        for name, payload in (("null", "null"), ("a list", f"[{good}]"), ("a text", json.dumps(good)), ("cut", good[:-1]), ("followed", good + "{}"),
                              ("a comma too many", good[:-1] + ",}"), ("a BOM", "\ufeff" + good), ("deep", good[:-1] + ',"x":' + "[" * 900 + "]" * 900 + "}"),
                              ("NaN", good[:-1] + ',"x":NaN}'), ("a NUL", good[:-1] + ',"x":"\\u0000"}'), ("half a character", good[:-1] + ',"x":"\\ud800"}'),
                              ("exp as 1e10", good.replace(f'"exp":{self.payload["exp"]}', '"exp":1e10')),
                              ("exp as a fraction", good.replace(f'"exp":{self.payload["exp"]}', f'"exp":{self.payload["exp"]}.0'))):
            yield f"payload: {name}", self.signed(payload)
        yield "payload: no UTF-8", self.signed(good.encode()[:-1] + b',"x":"\xff"}')
        yield "payload: UTF-16", self.signed(good.encode("utf-16"))

    def nested(self):
        yield "a JWT in a JWT", self.signed(self.token.encode(), {**self.header, "cty": "JWT"})
        yield "a JWT in a JWT that does not say so", self.signed(self.token.encode())
        for alg in ("dir", "RSA-OAEP", "A256KW"):
            header = {"alg": alg, "enc": "A256GCM", "kid": self.header["kid"]}
            yield f"JWE, {alg}", f"{part(header)}.{b64(b'k' * 32)}.{b64(b'i' * 12)}.{part(self.richer)}.{b64(b't' * 16)}"
        yield "JWE that says to be RS256", f"{self.head}.{b64(b'')}.{b64(b'i' * 12)}.{part(self.richer)}.{b64(b't' * 16)}"
        yield "JWE by PBES2 with many rounds", f"{part({'alg': 'PBES2-HS256+A128KW', 'enc': 'A128GCM', 'p2c': 2147483647, 'p2s': 'AAAA'})}.AAAA.AAAA.AAAA.AAAA"
