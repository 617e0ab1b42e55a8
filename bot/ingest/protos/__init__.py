"""Messages generated from the .proto files beside them; not edited by hand."""
