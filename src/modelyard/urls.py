"""Files behind fsspec URLs: opened in one way for stores and sources, their many errors told in plain words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.secrets import Redactor, known_values, resolve

_EXTRAS = {
    "s3": ("s3", "s3fs"), "s3a": ("s3", "s3fs"), "gs": ("gcs", "gcsfs"), "gcs": ("gcs", "gcsfs"),
    "az": ("azure", "adlfs"), "abfs": ("azure", "adlfs"), "abfss": ("azure", "adlfs"),
    "http": ("http", "aiohttp"), "https": ("http", "aiohttp"),
}  # fmt: skip
_IN_BUCKETS = {scheme for scheme, (extra, _) in _EXTRAS.items() if extra != "http"}
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE)",
    "gcs": "GOOGLE_APPLICATION_CREDENTIALS",
    "azure": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_NAMELESS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError"}
_DENIED = re.compile(r"forbidden|access denied|access key|signature|unauthori[sz]ed|not authori[sz]ed|\b40[13]\b", re.I)
_UNREACHED = re.compile(r"Connect|Timeout|Endpoint|gaierror|ClientOSError|ServerDisconnected")
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


@dataclass(frozen=True, slots=True)
class Place:
    """A file system, the path on it, and the URL as it may be shown: with no secret's value."""

    filesystem: Any
    path: str
    shown: str
    redact: Redactor

    def explain(self, error: Exception) -> tuple[str, str]:
        """What went wrong and what to do, from any of the errors that file systems raise."""
        return _explain(error, self.shown, self.redact)

    @property
    def bucket(self) -> str | None:
        """The bucket of an object store, which must be there before anything is; None elsewhere."""
        known = self.filesystem.protocol
        protocols = {known} if isinstance(known, str) else set(known)
        return self.path.strip("/").partition("/")[0] if protocols & _IN_BUCKETS else None


def extra_of(url: str) -> str | None:
    """The extra of Modelyard that brings the driver of a URL's file system; None where none is needed, or known."""
    return _EXTRAS.get(url.partition("://")[0], (None,))[0]


def is_local(place: str | None) -> bool:
    """Whether it is a path, a URL of a file, or nothing at all; what a secret holds as a whole is none of them."""
    return place is None or place.startswith(("sqlite:", "file:")) or ("://" not in place and "${secret." not in place)


def open_url(url: str, settings: Mapping[str, Any] | None = None, **options: Any) -> Place:
    """The file system that a URL names; `settings` are the graph's, whose `secrets` say where those in it live.

    Raises ModelyardError `missing-package` where its driver is not installed, `bad-url` for one that nobody knows.
    """
    import fsspec

    shown, redact = _PASSWORD.sub(r"\1:***@", url), Redactor(known_values(url, settings))
    if url.startswith(("s3://", "s3a://")):
        # Twice each in botocore and in s3fs: its own five times five wait six minutes for a server that is silent.
        options |= {"config_kwargs": {"retries": {"total_max_attempts": 2, "mode": "standard"}}}
    try:
        filesystem, path = fsspec.core.url_to_fs(resolve(url, settings), **options)
    except ImportError as error:
        raise _driver_missing(url, shown, error) from error
    except (ValueError, OSError) as error:
        what, fix = _explain(error, shown, redact)
        raise ModelyardError(f"cannot open {shown}: {what}", fix=fix, code="bad-url") from error
    if "s3" in filesystem.protocol:
        filesystem.retries = 2
    return Place(filesystem, str(path), shown, redact)


def _driver_missing(url: str, shown: str, error: ImportError) -> ModelyardError:
    scheme = url.partition("://")[0]
    if scheme in _EXTRAS:
        extra, package = _EXTRAS[scheme]
        what, fix = f"{shown} needs the Python package `{package}`", f"pip install 'modelyard[{extra}]'"
    else:
        what, fix = f"{shown} needs a Python package that is not installed", str(error).strip().splitlines()[0]
    return ModelyardError(what, fix=fix, code="missing-package")


def _explain(error: Exception, shown: str, redact: Redactor) -> tuple[str, str]:
    lines = str(error).strip().splitlines()
    text = _PASSWORD.sub(r"\1:***@", redact((lines[0] if lines else "").encode()).decode())
    kind = type(error).__name__
    where = _CREDENTIALS.get(extra_of(shown) or "")
    if kind in _NAMELESS:
        return f"no credentials were found ({text})", f"set {where or 'its credentials'} where this runs"
    if isinstance(error, PermissionError) or _DENIED.search(text):
        ours = f"check {where}" if where else "check the credentials"
        return (
            f"the credentials were refused ({text or 'forbidden'})",
            f"{ours}, and what they may list, read and write",
        )
    if isinstance(error, (ConnectionError, TimeoutError)) or _UNREACHED.search(kind):
        told = text.partition("?")[0].rstrip('"') or kind
        other = "; AWS_ENDPOINT_URL names another server than Amazon's" if shown.startswith("s3") else ""
        return f"the server cannot be reached ({told})", f"check the network and the address{other}"
    return text or kind, "check the address, its credentials and the network"
