"""The nouns: frozen, slotted dataclasses and enums that every floor speaks of."""
