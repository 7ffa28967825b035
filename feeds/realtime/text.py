"""Refusing text that is not UTF-8.

GTFS-Realtime is proto2, whose parsers do not look: Python's then hands out `bytes` where it promises
`str`, and the first to join or to encode them fails, poll after poll. A twin of the message type
under rules of proto3, which do look, costs one more parse (in C) of what changed.
"""

from google.protobuf.descriptor_pb2 import (
    EDITION_2023,
    DescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.transit import gtfs_realtime_pb2


def checked_twin(name: str) -> type[Message]:
    """A message type of GTFS-Realtime whose `FromString` refuses text that is not UTF-8."""
    file = FileDescriptorProto()
    gtfs_realtime_pb2.DESCRIPTOR.CopyToProto(file)
    # Editions verify UTF-8 by default (https://protobuf.dev/editions/features/#utf8_validation).
    file.syntax, file.edition = "editions", EDITION_2023
    file.options.features.enum_type = FeatureSet.CLOSED
    for message_type in file.message_type:
        _require_nothing(message_type)
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    twin: type[Message] = GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))
    return twin


def _require_nothing(message_type: DescriptorProto) -> None:
    """Editions do not know `required`; what is missing is not this twin's business."""
    for field in message_type.field:
        if field.label == FieldDescriptorProto.LABEL_REQUIRED:
            field.label = FieldDescriptorProto.LABEL_OPTIONAL
    for nested in message_type.nested_type:
        _require_nothing(nested)
