"""A rule in words."""

LANGUAGES = {
    "en": {
        "day": ("every day", "every {} days"),
        "week": ("every week", "every {} weeks"),
        "month": ("every month", "every {} months"),
        "year": ("every year", "every {} years"),
        "start": " from {:%d %b %Y}",
        "count": ", {} times",
        "until": ", until {:%d %b %Y}",
    },
    "de": {
        "day": ("täglich", "alle {} Tage"),
        "week": ("wöchentlich", "alle {} Wochen"),
        "month": ("monatlich", "alle {} Monate"),
        "year": ("jährlich", "alle {} Jahre"),
        "start": " ab {:%d.%m.%Y}",
        "count": ", {}-mal",
        "until": ", bis {:%d.%m.%Y}",
    },
    "fr": {
        "day": ("tous les jours", "tous les {} jours"),
        "week": ("toutes les semaines", "toutes les {} semaines"),
        "month": ("tous les mois", "tous les {} mois"),
        "year": ("tous les ans", "tous les {} ans"),
        "start": " dès le {:%d/%m/%Y}",
        "count": ", {} fois",
        "until": ", jusqu’au {:%d/%m/%Y}",
    },
}


def describe(rule, language="en"):
    """The rule as a phrase in one of LANGUAGES."""
    words = LANGUAGES[language]
    one, many = words[rule.unit]
    text = one if rule.every == 1 else many.format(rule.every)
    text += words["start"].format(rule.start)
    if rule.count is not None:
        text += words["count"].format(rule.count)
    if rule.until is not None:
        text += words["until"].format(rule.until)
    return text
