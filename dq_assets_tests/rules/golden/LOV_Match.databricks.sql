SELECT
  COUNT(CASE WHEN NOT CAST(`col A` AS STRING) IN ('a', 'it\'s') THEN 1 END) AS a0,
  COUNT(*) AS a1
FROM `main`.`t`;
SELECT
  NOT CAST(`col A` AS STRING) IN ('a', 'it\'s') AS failing
FROM `main`.`t`;
