"""The S3 and CloudWatch that one recording needs, for tests, and the metadata service with its role.

It is the HTTP proxy of its clients, so that they use the host names that AWS itself has. It checks signatures, and grants no
more than the role does: reading an object is refused.
"""

import base64
import hashlib
import hmac
import socket
import struct
import sys
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "recordings.example"
REGION = "eu-central-1"
ACCESS_KEY_ID = "AKIASTANDIN"
SECRET = "very/secret+key"
SESSION_TOKEN = "very/long+session=token"
TTL = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
METADATA_TOKEN = "very-short-metadata-token"


class Cloud:
    """`objects` is what the bucket holds, `requests` what was asked, `metrics` what was put.

    `misbehave(operation, how, times)` spoils the next requests. `how` is an HTTP status, `cut` (half-way through the
    body) or `hang`. For PutObject and CompleteMultipartUpload it can also be `truncate` or `corrupt`: the object is
    stored wrongly, and acknowledged as if it were right.
    `during(operation, key, action)` runs the action once, while that request is being answered.
    """

    def __init__(self, session_token=None):
        self.session_token = session_token
        self.objects, self.uploads, self.requests, self.metrics, self.spoiled = {}, {}, [], [], {}
        self.actions = {}
        self.closed = threading.Event()
        self.server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"cloud": self}))
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{self.server.server_port}"
        self.environment = {
            "http_proxy": address,
            "HTTP_PROXY": address,
            "S3_ENDPOINT_URL": "http://s3.test",
            "CLOUDWATCH_ENDPOINT_URL": "http://monitoring.test",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": address,
        }

    def misbehave(self, operation, how, times=1000):
        self.spoiled[operation] = [how] * times

    def during(self, operation, key, action):
        self.actions[operation, key] = action

    def asked(self, operation):
        return [key for name, key in self.requests if name == operation]

    def contents(self):
        return {key: body for key, (body, _) in self.objects.items()}

    def close(self):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # Some clients close the connection early.
            super().handle_error(*_)


class Refused(Exception):
    """Raised to answer with an error: an HTTP status, and the code of the error."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud = None

    def answer(self):
        address = urlsplit(self.path)
        if not address.hostname:
            return self.answer_metadata(address.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        bucket, key = self.locate(address)
        operation = self.operation(address.hostname, key, query)
        asked = (operation, key or query.get("prefix"))
        self.cloud.requests.append(asked)
        waiting = self.cloud.spoiled.get(operation)
        how = waiting.pop(0) if waiting else None
        length = int(self.headers.get("Content-Length", 0))
        if how == "hang":
            self.close_connection = True
            return self.cloud.closed.wait()
        if how == "cut":
            self.rfile.read(length // 2)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return self.connection.close()
        body = self.rfile.read(length)
        try:
            if isinstance(how, int):
                raise Refused(how, "Spoiled")
            self.authenticate(address, body)
            if operation == "PutMetricData":
                self.cloud.metrics.append({name: value for name, [value] in parse_qs(body.decode()).items()})
                return self.reply(200, b"<PutMetricDataResponse/>")
            if bucket != BUCKET:
                raise Refused(404, "NoSuchBucket")
            if self.headers.get("Content-MD5", md5_base64(body)) != md5_base64(body):
                raise Refused(400, "BadDigest")
            self.cloud.actions.pop(asked, lambda: None)()
            return getattr(self, operation)(key, query, body, how)
        except Refused as refused:
            status, code = refused.args
            return self.reply(status, f"<Error><Code>{code}</Code></Error>".encode())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    @staticmethod
    def locate(address):
        """The bucket in the host's name, as rclone asks for it, or in the path."""
        bucket, is_host, _ = address.hostname.rpartition(".s3.test")
        path = unquote(address.path)[1:]
        return (bucket, path) if is_host else path.partition("/")[::2]

    def operation(self, host, key, query):
        if host == "monitoring.test":
            return "PutMetricData"
        names = {
            ("GET", False): "ListObjectsV2" if query.get("list-type") == "2" else "Forbidden",
            ("POST", True): "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload",
            ("PUT", True): "UploadPart" if "partNumber" in query else "PutObject",
            ("DELETE", True): "AbortMultipartUpload" if "uploadId" in query else "Forbidden",
        }
        return names.get((self.command, bool(key)), "Forbidden")

    def authenticate(self, address, body):
        """Signature version 4, computed afresh from what has arrived."""
        algorithm, _, fields = self.headers.get("Authorization", "").partition(" ")
        if algorithm != "AWS4-HMAC-SHA256":
            raise Refused(403, "AccessDenied")
        fields = dict(field.strip().split("=", 1) for field in fields.split(","))
        key_id, *scope = fields["Credential"].split("/")
        signed = fields["SignedHeaders"].split(";")
        is_s3 = scope[2] == "s3"
        body_hash = self.headers.get("x-amz-content-sha256", None if is_s3 else hashlib.sha256(body).hexdigest())
        unsigned = {name.lower() for name in self.headers if name.lower().startswith("x-amz-")}.difference(signed)
        if unsigned or body_hash is None or body_hash not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            raise Refused(403, "InvalidRequest")
        pairs = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in parse_qsl(address.query, True))
        request = [
            self.command,
            quote(unquote(address.path), safe="/~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(self.headers[name].split())}" for name in signed),
            "",
            ";".join(signed),
            body_hash,
        ]
        request_hash = hashlib.sha256("\n".join(request).encode()).hexdigest()
        text = "\n".join([algorithm, self.headers["x-amz-date"], "/".join(scope), request_hash])
        signature = b"AWS4" + SECRET.encode()
        for step in (*scope, text):
            signature = hmac.digest(signature, step.encode(), "sha256")
        expected = (ACCESS_KEY_ID, [REGION, "s3" if is_s3 else "monitoring", "aws4_request"], signature.hex())
        if (key_id, scope[1:], fields["Signature"]) != expected:
            raise Refused(403, "SignatureDoesNotMatch")
        if self.headers.get("x-amz-security-token") != self.cloud.session_token:
            raise Refused(403, "InvalidToken")

    def Forbidden(self, *_):
        raise Refused(403, "AccessDenied")

    def PutObject(self, key, _, body, how):
        stored = spoil(body, how)
        self.cloud.objects[key] = (stored, hashlib.md5(stored).hexdigest())
        self.reply(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def CreateMultipartUpload(self, key, *_):
        upload_id = f"upload-{len(self.cloud.requests)}"
        self.cloud.uploads[upload_id] = {}
        self.reply(
            200,
            f"<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key>"
            f"<UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>".encode(),
        )

    def UploadPart(self, _, query, body, __):
        self.cloud.uploads[query["uploadId"]][int(query["partNumber"])] = body
        self.reply(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def CompleteMultipartUpload(self, key, query, _, how):
        parts = [part for _, part in sorted(self.cloud.uploads.pop(query["uploadId"]).items())]
        stored = [*parts[:-1], spoil(parts[-1], how)]
        self.cloud.objects[key] = (b"".join(stored), etag_of_parts(stored))
        self.reply(
            200,
            f"<CompleteMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key>"
            f"<ETag>&quot;{etag_of_parts(parts)}&quot;</ETag></CompleteMultipartUploadResult>".encode(),
        )

    def AbortMultipartUpload(self, _, query, *__):
        self.cloud.uploads.pop(query["uploadId"], None)
        self.reply(204)

    def ListObjectsV2(self, _, query, *__):
        keys = sorted(key for key in self.cloud.objects if key.startswith(query["prefix"]))
        # As S3 encodes: a blank is a plus.
        encode = (lambda key: quote(key, safe="/*").replace("%20", "+")) if "encoding-type" in query else escape
        contents = "".join(
            f"<Contents><Key>{encode(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{self.cloud.objects[key][1]}&quot;</ETag><Size>{len(self.cloud.objects[key][0])}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys[: int(query["max-keys"])]
        )
        self.reply(
            200,
            f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult><Name>{BUCKET}</Name>'
            f"<Prefix>{encode(query['prefix'])}</Prefix>{contents}</ListBucketResult>".encode(),
        )

    def answer_metadata(self, path):
        """Version 2 of the metadata service: nothing without the token of a session."""
        role = "/latest/meta-data/iam/security-credentials/"
        if (self.command, path) == ("PUT", "/latest/api/token"):
            granted = TTL in self.headers
            return self.reply(200 if granted else 400, METADATA_TOKEN.encode(), **{TTL: self.headers.get(TTL)})
        if self.headers.get("X-aws-ec2-metadata-token") != METADATA_TOKEN:
            return self.reply(401)
        if path == "/latest/meta-data/instance-id":
            return self.reply(200, b"i-0fedcba9876543210")
        if path == role:
            return self.reply(200, b"jibri-role")
        if path == role + "jibri-role":
            text = (
                f'{{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "{ACCESS_KEY_ID}",'
                f' "SecretAccessKey": "{SECRET}", "Token": "{SESSION_TOKEN}", "Expiration": "2099-01-01T00:00:00Z"}}'
            )
            return self.reply(200, text.encode())
        return self.reply(404)

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), "Date": formatdate(usegmt=True), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, *_):
        pass


def spoil(body, how):
    """What is stored instead."""
    if how == "truncate":
        return body[:-1]
    return body[:-1] + bytes([body[-1] ^ 1]) if how == "corrupt" else body


def etag_of_parts(parts):
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f"{hashlib.md5(digests).hexdigest()}-{len(parts)}"


def md5_base64(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()
