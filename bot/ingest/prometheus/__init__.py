"""What reads remote write: beside the formats, so that it is loaded when needed."""
