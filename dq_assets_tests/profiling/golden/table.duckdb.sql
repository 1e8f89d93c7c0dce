-- duplicates by hash
SELECT count(*) - count(DISTINCT hash("the column", "other")) AS n FROM "main"."t";
-- duplicates
SELECT coalesce(sum(n - 1), 0) AS n FROM (SELECT count(*) AS n FROM "main"."t" WHERE hash("the column", "other") IN (SELECT hash("the column", "other") AS h FROM "main"."t" GROUP BY 1 HAVING count(*) > 1) GROUP BY "the column", "other") AS d;
-- key
SELECT count(*) AS n, count(DISTINCT hash("the column", "other")) AS d FROM (SELECT "the column", "other" FROM "main"."t") AS k;
-- key of few rows
SELECT count(*) AS n, count(DISTINCT hash("the column", "other")) AS d FROM (SELECT "the column", "other" FROM "main"."t" WHERE hash("the column") % 1 = 0) AS k;
-- order
SELECT count(*) FILTER (v0 > p0) AS up0, count(*) FILTER (v0 = p0) AS same0, count(*) FILTER (v0 < p0) AS down0, count(*) FILTER (v1 > p1) AS up1, count(*) FILTER (v1 = p1) AS same1, count(*) FILTER (v1 < p1) AS down1 FROM (SELECT "the column" AS v0, lag("the column") OVER () AS p0, "other" AS v1, lag("other") OVER () AS p1 FROM (SELECT "the column", "other" FROM "main"."t" LIMIT 2048) AS r) AS s;
