"""TLS and mutual TLS of both servers, with the clients' own options."""

import os
import subprocess
import tempfile
import unittest

import gevent.ssl
import numpy as np
import support
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from geventhttpclient.response import HTTPConnectionClosed
from tritonclient.utils import InferenceServerException


def openssl(*arguments, **options):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options)


class Certificates:
    """An authority, and certificates that it signed for the server and a client; a stranger that it did not sign."""

    def __init__(self, folder):
        self.folder = folder
        self.authority("ca")
        self.authority("other-ca")
        self.sign("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.sign("client", "ca", "extendedKeyUsage=clientAuth")
        self.sign("stranger", "other-ca", "extendedKeyUsage=clientAuth")

    def path(self, name):
        return os.path.join(self.folder, name)

    def authority(self, name):
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt")),
        )

    def sign(self, name, by, extension):
        with open(self.path(f"{name}.ext"), "w", encoding="utf-8") as file:
            file.write(extension)
        openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.csr")),
        )
        openssl(
            *("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{by}.crt")),
            *("-CAkey", self.path(f"{by}.key"), "-CAcreateserial", "-days", "2"),
            *("-extfile", self.path(f"{name}.ext"), "-out", self.path(f"{name}.crt")),
        )


class Tls(unittest.TestCase):
    mutual = False

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="trt-node-tls-")
        cls.addClassCleanup(folder.cleanup)
        cls.certificates = Certificates(folder.name)
        path = cls.certificates.path
        flags = [
            "--grpc-use-ssl=true",
            f"--grpc-server-cert={path('server.crt')}",
            f"--grpc-server-key={path('server.key')}",
            f"--http-server-cert={path('server.crt')}",
            f"--http-server-key={path('server.key')}",
        ]
        if cls.mutual:
            flags += [
                "--grpc-use-ssl-mutual=true",
                f"--grpc-root-cert={path('ca.crt')}",
                f"--http-root-cert={path('ca.crt')}",
            ]
        cls.server = support.Server(
            support.repository(), "--model-control-mode=explicit", "--load-model=simple", *flags, ready=None
        )
        cls.addClassCleanup(cls.server.stop)

    def http(self, identity=None, authority="ca"):
        path = self.certificates.path
        options = {"ca_certs": path(f"{authority}.crt")}
        if identity is not None:
            options |= {"certfile": path(f"{identity}.crt"), "keyfile": path(f"{identity}.key")}
        return httpclient.InferenceServerClient(
            f"localhost:{self.server.http_port}",
            ssl=True,
            ssl_options=options,
            ssl_context_factory=gevent.ssl.create_default_context,
        )

    def grpc(self, identity=None, authority="ca"):
        path = self.certificates.path
        return grpcclient.InferenceServerClient(
            f"localhost:{self.server.grpc_port}",
            ssl=True,
            root_certificates=path(f"{authority}.crt"),
            private_key=identity and path(f"{identity}.key"),
            certificate_chain=identity and path(f"{identity}.crt"),
        )

    def check(self, protocol, client):
        with client:
            self.assertTrue(client.is_server_live())
            first, second, inputs = support.simple_inputs(protocol)
            np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), first + second)

    def check_refused(self, client, **options):
        with client, self.assertRaises((InferenceServerException, HTTPConnectionClosed, OSError)):
            client.infer("simple", support.simple_inputs(options["protocol"])[2])

    def test_http(self):
        self.check(support.Http(), self.http("client" if self.mutual else None))

    def test_grpc(self):
        self.check(support.Grpc(), self.grpc("client" if self.mutual else None))

    def test_a_client_that_trusts_another_authority(self):
        self.check_refused(self.http("client", "other-ca"), protocol=support.Http())
        self.check_refused(self.grpc("client", "other-ca"), protocol=support.Grpc())

    def test_a_client_without_tls(self):
        plain = httpclient.InferenceServerClient(f"localhost:{self.server.http_port}")
        with plain, self.assertRaises((HTTPConnectionClosed, OSError)):
            plain.infer("simple", support.simple_inputs(support.Http())[2])
        self.check_refused(grpcclient.InferenceServerClient(f"localhost:{self.server.grpc_port}"), protocol=support.Grpc())


class MutualTls(Tls):
    mutual = True

    def test_a_client_without_a_certificate(self):
        self.check_refused(self.http(), protocol=support.Http())
        self.check_refused(self.grpc(), protocol=support.Grpc())

    def test_a_client_that_another_authority_signed(self):
        self.check_refused(self.http("stranger"), protocol=support.Http())
        self.check_refused(self.grpc("stranger"), protocol=support.Grpc())
