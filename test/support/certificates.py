"""Certificates of a test, made by openssl(1): NAME.pem and NAME.key in a directory."""

import os
import ssl
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """It is made anew, or is the one that the directory has."""

    def __init__(self, directory, name="ca"):
        self.directory = directory
        self.certificate = self.path(f"{name}.pem")
        self.key = self.path(f"{name}.key")
        os.makedirs(directory, exist_ok=True)
        if os.path.exists(self.certificate):
            return
        self._openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.certificate,
                      "-subj", f"/CN={name}", "-days", "2")

    def path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def make(self, name, alternatives, days=1):
        """A node's; with days=0 it has expired when the next second begins."""
        request, extensions = self.path(f"{name}.csr"), self.path(f"{name}.cnf")
        with open(extensions, "w") as file:
            file.write(f"basicConstraints=CA:FALSE\nsubjectAltName={alternatives}\n")
        self._openssl("req", *KEY, "-keyout", self.path(f"{name}.key"), "-out", request, "-subj",
                      f"/CN={name}")
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                      "-days", str(days), "-extfile", extensions, "-out", self.path(f"{name}.pem"))

    def section(self, name):
        """The section tls of a node's configuration."""
        return (f"tls: {{certificate: {self.path(name)}.pem, key: {self.path(name)}.key, "
                f"authorities: {self.certificate}}}\n")

    def context(self, name, server=False):
        """For Python's ssl, which compares no names here: what it is a peer of does."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.certificate)
        context.load_cert_chain(f"{self.path(name)}.pem", f"{self.path(name)}.key")
        return context
