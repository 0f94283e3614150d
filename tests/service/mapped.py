"""Files as others publish them, and building one with what its source says of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from salaries.ingest.build import BuildReport, build_dataset
from salaries.ingest.sources import declared

KAGGLE = """work_year,experience_level,employment_type,job_title,salary,salary_currency,salary_in_usd,\
employee_residence,remote_ratio,company_location,company_size
2026,SE,FT,Data Engineer,120000,USD,120000,US,100,US,M
2026,MI,FT,Data Scientist,60000,EUR,65000,DE,0,DE,L
2026,EN,FT,Data Analyst,96000,BRL,18000,BR,50,BR,S
2026,EX,FT,Head of Data,300000,BRL,60000,BR,100,BR,S
"""
SURVEY = """ResponseId,MainBranch,RemoteWork,DevType,Country,Currency,CompTotal,ConvertedCompYearly
1,dev,"Hybrid (some remote, some in-person)","Developer, back-end;Data engineer",Brazil,BRL	Brazilian real,240000,48000
2,dev,Remote,"Developer, full-stack",Germany,EUR European Euro,70000,75180
3,dev,In-person,NA,Brazil,BRL	Brazilian real,NA,NA
"""
STATE_OF_DATA = """2.f_cargo_atual,2.g_nivel,2.h_faixa_salarial,1.i.1_uf_onde_mora,2.r_modelo_de_trabalho_atual
Cientista de Dados,Sênior,de R$ 12.001/mês a R$ 16.000/mês,SP,Modelo 100% remoto
Analista de BI,Júnior,Menos de R$ 1.000/mês,MG,Modelo 100% presencial
Engenheiro de Dados,Pleno,Acima de R$ 40.001/mês,PE,Modelo híbrido com dias fixos de trabalho presencial
"""
LEVELS = """timestamp,company,level,title,totalyearlycompensation,location,yearsofexperience,basesalary,\
stockgrantvalue,bonus
6/7/2026 11:33:27,Acme,L3,Software Engineer,127200,"Seattle, WA",2,108000,0,19200
6/7/2026 11:33:27,Acme,L5,Data Scientist,60000,"São Paulo, SP, Brazil",7,48000,0,12000
"""


def build(
    data_dir: Path, text: str | bytes, keys: dict[str, Any], *, country: str = "Brazil", name: str = "a.csv"
) -> tuple[BuildReport, list[dict[str, str]], list[dict[str, str]]]:
    """Build one raw file whose source says `keys`; return the report, the rows and the rejects."""
    (data_dir / "raw").mkdir(parents=True, exist_ok=True)
    (data_dir / "raw" / name).write_bytes(text.encode() if isinstance(text, str) else text)
    sources = data_dir / "sources.json"
    sources.write_text(json.dumps({"sources": [{"name": "mine", "url": name, "dest": name, **keys}]}))
    told = declared(sources)
    report = build_dataset(data_dir=data_dir, country=country, encodings=told.encodings, mappings=told.mappings)
    assert report.holds()
    found = []
    for file in ("salaries.csv", "rejects.csv"):
        with (data_dir / file).open(encoding="utf-8", newline="") as handle:
            found.append(list(csv.DictReader(handle)))
    return report, found[0], found[1]


def shown(rows: list[dict[str, str]], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]
