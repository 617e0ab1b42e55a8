"""Phone numbers: read as people write them, kept as E.164."""


def parse_phone(text: str) -> str:
    """Return the number as E.164 (`+4930901820`); raises ValueError that names the country.

    Spaces, dashes and brackets are fine; the country code is needed.
    """
    import phonenumbers  # slow to import, and not everybody has a phone

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        hint = "a country code begins with +, not 00" if text.strip().startswith("00") else ""
        if not hint and not text.strip().startswith("+"):
            hint = "the country code is missing"
        raise ValueError(
            f"found {text[:40]!r}; {hint or str(error).rstrip('.').lower()}; "
            "expected an international number such as +49 30 901820"
        ) from error
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    country = f"+{number.country_code} ({region})"
    reason = phonenumbers.is_possible_number_with_reason(number)
    lengths = {
        phonenumbers.ValidationResult.TOO_SHORT: "is too short",
        phonenumbers.ValidationResult.TOO_LONG: "is too long",
        phonenumbers.ValidationResult.INVALID_LENGTH: "has a wrong length",
        phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
    }
    if reason in lengths:
        raise ValueError(f"found {text[:40]!r}, which {lengths[reason]} for {country}")
    if not phonenumbers.is_valid_number(number):
        raise ValueError(f"found {text[:40]!r}, a number that nobody in {country} can have")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_landline(number: str) -> bool:
    """Say whether an E.164 number is certainly a landline, which takes no SMS."""
    import phonenumbers

    kind = phonenumbers.number_type(phonenumbers.parse(number, None))
    return bool(kind == phonenumbers.PhoneNumberType.FIXED_LINE)
