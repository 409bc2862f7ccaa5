from authsvc.crypto import errors


def raised():
    return [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.CryptoError)
    ]


def test_each_error_has_a_rule_of_its_own():
    rules = [error.rule for error in raised()]
    assert len(set(rules)) == len(rules)
    assert all(rule.isidentifier() and rule.islower() for rule in rules)


def test_the_refusals_of_a_token_are_one_family():
    others = {"CryptoError", "UnsupportedHash", "UnsupportedKey", "OpaqueInvalid", "DecryptionFailed"}
    assert {e.__name__ for e in raised() if not issubclass(e, errors.TokenError)} == others
