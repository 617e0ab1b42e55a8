"""How a message is composed, paced and handed to a channel; the channel port."""
