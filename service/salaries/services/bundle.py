"""Hand an exported dashboard over to opsctl: one archive in the dataset bucket, so that two exports never mix."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from django.conf import settings

from salaries.ingest.errors import IngestError

KEY = "dashboard/bundle.zip"


def bundle_pack(*, folder: Path, archive: Path) -> None:
    """Write `folder` as a zip file; the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            # Its date is the format's first, as ZipInfo's default has it.
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            packed.writestr(entry, path.read_bytes(), compress_type=zipfile.ZIP_DEFLATED)


def bundle_send(*, folder: Path, archive: Path, client: Any = None) -> str:
    """Pack `folder` and upload it; returns its address.

    Raises:
        IngestError: the bucket does not take it.
    """
    from boto3 import client as boto3_client
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

    bundle_pack(folder=folder, archive=archive)
    try:
        (client or boto3_client("s3")).upload_file(str(archive), settings.DATASET_BUCKET, KEY)
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        raise IngestError(f"Bucket {settings.DATASET_BUCKET} does not take the export: {error}") from error
    return f"s3://{settings.DATASET_BUCKET}/{KEY}"
