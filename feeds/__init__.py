"""From an agency's protobuf bytes to published boards."""
