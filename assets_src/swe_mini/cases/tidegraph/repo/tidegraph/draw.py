"""A day of the tide as text."""

from datetime import datetime, timedelta


def graph(curve, day, zone, width=30):
    """One line an hour: the time on the clocks of `zone`, the height and a bar. Hours out of the table are left out."""
    top = max(water.height for water in curve.waters)
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    lines = []
    for hour in range(24):
        when = start + timedelta(hours=hour)
        try:
            height = curve.height(when)
        except ValueError:
            continue
        bar = "≈" * round(width * max(height, 0) / top)
        lines.append(f"{when:%H:%M}   {height:4.1f} {bar}")
    return "\n".join(lines)
