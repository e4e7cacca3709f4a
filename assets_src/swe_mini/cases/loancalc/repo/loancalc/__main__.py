"""A schedule as a table: python3 -m loancalc PRINCIPAL RATE MONTHS START"""

import sys
from datetime import date

from loancalc import Loan, schedule


def main(arguments):
    principal, rate, months, start = arguments
    for row in schedule(Loan(principal, rate, int(months), date.fromisoformat(start))):
        print(f"{row.number:>4}  {row.due}  " + "".join(f"{amount:>11,.2f} €" for amount in row[2:]))


if __name__ == "__main__":
    main(sys.argv[1:])
