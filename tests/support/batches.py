"""Helpers for the tests of batches: pictures to upload, and the state of the sandbox afterwards."""

from support.helpers import PNG

from gyazo_nb.sandbox import Fault


def pictures(number, size=0):
    """Different pictures, each of another length: a PNG may contain any bytes behind IEND."""
    return [PNG + b"\0" * size + b"%0*d" % (index + 1, index) for index in range(number)]


def stored_pictures(server, report):
    """The bytes that the sandbox stored for each image of a report, in order."""
    return [server.sandbox.image_store.get(image.image_id).data for image in report]


def all_stored(server):
    """The bytes of all images in the sandbox."""
    return {image.data for image in server.sandbox.images}


def upload_requests(server):
    """The successful upload requests."""
    requests = server.sandbox.requests
    return [r for r in requests if r.path == "/api/upload" and r.status == 200]


def delay_uploads(server, seconds=0.05):
    """Make every upload take some time."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=seconds, times=100_000))


def fail_uploads(server, times):
    """Let the next uploads fail with an error that is not retried."""
    server.sandbox.faults.append(Fault(status=422, path="/api/upload", times=times))
