"""A sales export of the shape and with the quirks of real ones, made up, and the figures that follow from such files."""

import csv
import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

OFFICES = {"Harbour": ["Ines Kordt", "Bao Lin"], "Uplands": ["Femi Adeyo"], "Delta": ["Rosa Quint"]}
AGENTS = ["Tomas Brandl", "Yuki Arai", "Lena Osei", "Piet Maas", "Noor Haddad", "Sven Lund", "Mei Zhou", "Ada Okoye", "Jan Krol"]
PRODUCTS = {"GTX Pro": ("GTX", 4800), "Lift 3": ("Lift", 1200), "Lift 5": ("Lift", 2600), "Mast": ("Mast", 90)}
SECTORS = ["technolgy", "retail", "medical", "finance"]
PLACES = ["Norway", "Kenya", "中国", ""]


def write(folder, name, header, rows, mark=""):
    with open(folder / name, "w", encoding="utf-8", newline="") as file:
        file.write(mark)
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)


def day(moment):
    """10/2/2016: no leading zeros."""
    return f"{moment.month}/{moment.day}/{moment.year}"


def account_names():
    return ["Fjord & Co", 'The "Blue" Yard', "Smith, Jones", "远山贸易"] + [f"Company {n}" for n in range(16)]


def make(folder, deals=450, seed=7):
    dice = random.Random(seed)
    accounts = account_names()
    managers = [(manager, office) for office, people in OFFICES.items() for manager in people]
    teams = [(agent, *managers[n % len(managers)]) for n, agent in enumerate(AGENTS)]
    write(folder, "sales_teams.csv", ["sales_agent", "manager", "regional_office"], teams)
    write(folder, "products.csv", ["product", "series", "sales_price"],
          [(name, series, price) for name, (series, price) in PRODUCTS.items()])
    write(folder, "accounts.csv",
          ["account", "sector", "year_established", "revenue", "employees", "office_location", "subsidiary_of"],
          [(name, dice.choice(SECTORS), dice.randint(1950, 2015), f"{dice.randint(1, 900000) / 100:.2f}", dice.randint(3, 9000),
            dice.choice(PLACES), accounts[n + 1] if n % 6 == 0 and n + 1 < len(accounts) else "")
           for n, name in enumerate(accounts)], mark="\ufeff")
    write(folder, "sales_pipeline.csv",
          ["opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "close_date", "close_value"],
          [deal(dice, n, accounts) for n in range(deals)])


def deal(dice, n, accounts):
    stage = dice.choices(["Won", "Lost", "Engaging", "Prospecting"], [48, 28, 18, 6])[0]
    engaged = date(2022, 10, 20) + timedelta(days=dice.randint(0, 400))
    product = dice.choice(list(PRODUCTS))
    closed = stage in ("Won", "Lost")
    value = {"Won": str(PRODUCTS[product][1] + dice.randint(-40, 40)), "Lost": "0"}.get(stage, "")
    return (f"D{n:05}X", dice.choice(AGENTS), "GTXPro" if product == "GTX Pro" and n % 2 else product,
            "" if n % 7 == 0 else dice.choice(accounts), stage, "" if stage == "Prospecting" else day(engaged),
            day(engaged + timedelta(days=dice.randint(1, 120))) if closed else "", value)


def read(folder, name):
    with open(folder / name, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class Figures:
    """What the files say, counted without the API."""

    def __init__(self, folder):
        self.deals = read(folder, "sales_pipeline.csv")
        self.accounts = read(folder, "accounts.csv")
        self.products = read(folder, "products.csv")
        teams = read(folder, "sales_teams.csv")
        self.manager_of = {row["sales_agent"]: row["manager"] for row in teams}
        self.managers = sorted(set(self.manager_of.values()))
        won = [row for row in self.deals if row["deal_stage"] == "Won"]
        lost = [row for row in self.deals if row["deal_stage"] == "Lost"]
        self.count, self.won = len(self.deals), len(won)
        self.amount = sum(Decimal(row["close_value"]) for row in won)
        self.rate = round(1000 * len(won) / (len(won) + len(lost))) / 10
        self.without_account = sum(not row["account"] for row in self.deals)
        self.deals_of, self.by_manager, self.by_quarter = Counter(), defaultdict(list), defaultdict(list)
        for row in self.deals:
            self.deals_of[self.manager_of[row["sales_agent"]]] += 1
        for row in won:
            month, _, year = (int(part) for part in row["close_date"].split("/"))
            self.by_manager[self.manager_of[row["sales_agent"]]].append(Decimal(row["close_value"]))
            self.by_quarter[f"{year}-Q{(month + 2) // 3}"].append(Decimal(row["close_value"]))

    def lines(self):
        """As examples/import-crm-sales.sh prints them, in any order."""
        def group(groups):
            return {f"  {name}\t{len(amounts)}\t{sum(amounts):.2f} USD" for name, amounts in groups.items()}
        rate = f"{self.rate:g}"
        return {f"opportunities: {self.count}", f"won: {self.won}", f"won amount: {self.amount:.2f} USD", f"win rate: {rate} %",
                "won by manager:", "won by quarter:"} | group(self.by_manager) | group(self.by_quarter)
