SELECT
  COUNT(*) - COUNT(DISTINCT {'f0': "col A", 'f1': "col N", 'f2': "col D"}) AS a0,
  COUNT(*) AS a1
FROM "main"."t";
SELECT
  COUNT(*) OVER (PARTITION BY {'f0': "col A", 'f1': "col N", 'f2': "col D"}) > 1 AS failing
FROM "main"."t";
