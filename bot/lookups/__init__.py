"""Tables elsewhere that know more of an alert: asked over HTTP, waited for as long as said."""
