-- duplicates
SELECT coalesce(sum(n - 1), 0) AS n FROM (SELECT count(*) AS n FROM "main"."t" GROUP BY "the column", "other") AS d;
-- key
SELECT count(*) AS n, count(DISTINCT ("the column", "other")) AS d FROM (SELECT "the column", "other" FROM "main"."t") AS k;
-- key of few rows
SELECT count(*) AS n, count(DISTINCT ("the column", "other")) AS d FROM (SELECT "the column", "other" FROM "main"."t" LIMIT 20000) AS k;
