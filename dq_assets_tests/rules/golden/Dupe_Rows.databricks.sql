SELECT
  COUNT(*) - COUNT(DISTINCT STRUCT(`col A` AS f0, `col N` AS f1, `col D` AS f2)) AS a0,
  COUNT(*) AS a1
FROM `main`.`t`;
SELECT
  COUNT(*) OVER (PARTITION BY STRUCT(`col A` AS f0, `col N` AS f1, `col D` AS f2)) > 1 AS failing
FROM `main`.`t`;
