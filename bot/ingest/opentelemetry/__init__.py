"""What reads OpenTelemetry's messages: beside the formats, so that it is loaded when needed."""
