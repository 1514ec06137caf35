"""Countries and their capitals, from those that are spoken of everywhere to those that are not."""

from __future__ import annotations

CAPITALS: dict[str, str] = {
    "France": "Paris", "Japan": "Tokyo", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid",
    "Russia": "Moscow", "China": "Beijing", "Egypt": "Cairo", "Greece": "Athens", "Austria": "Vienna",
    "Ireland": "Dublin", "Portugal": "Lisbon", "Canada": "Ottawa", "Cuba": "Havana", "Poland": "Warsaw",
    "Sweden": "Stockholm", "Norway": "Oslo", "Denmark": "Copenhagen", "Finland": "Helsinki", "Hungary": "Budapest",
    "Turkey": "Ankara", "Iran": "Tehran", "Iraq": "Baghdad", "Kenya": "Nairobi", "Thailand": "Bangkok",
    "Vietnam": "Hanoi", "Peru": "Lima", "Chile": "Santiago", "Argentina": "Buenos Aires", "Belgium": "Brussels",
    "Romania": "Bucharest", "Bulgaria": "Sofia", "Serbia": "Belgrade", "Croatia": "Zagreb", "Ukraine": "Kyiv",
    "Lebanon": "Beirut", "Jordan": "Amman", "Nepal": "Kathmandu", "Iceland": "Reykjavik", "Morocco": "Rabat",
    "Ghana": "Accra", "Senegal": "Dakar", "Uganda": "Kampala", "Zambia": "Lusaka", "Angola": "Luanda",
    "Ethiopia": "Addis Ababa", "Mongolia": "Ulaanbaatar", "Georgia": "Tbilisi", "Armenia": "Yerevan",
    "Uruguay": "Montevideo", "Paraguay": "Asunción", "Ecuador": "Quito", "Mali": "Bamako", "Niger": "Niamey",
    "Chad": "N'Djamena", "Rwanda": "Kigali", "Burundi": "Gitega", "Malawi": "Lilongwe", "Bhutan": "Thimphu",
    "Suriname": "Paramaribo", "Kyrgyzstan": "Bishkek", "Tajikistan": "Dushanbe", "Turkmenistan": "Ashgabat",
    "Eritrea": "Asmara", "Tonga": "Nukuʻalofa", "Vanuatu": "Port Vila", "Palau": "Ngerulmud", "Tuvalu": "Funafuti",
}  # fmt: skip
"""Roughly from the most spoken of to the least; each has one capital that nobody disputes."""
