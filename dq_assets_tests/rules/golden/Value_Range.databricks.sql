SELECT
  COUNT(CASE WHEN `col N` < -1.5 OR `col N` > 10 THEN 1 END) AS a0,
  COUNT(*) AS a1
FROM `main`.`t`;
SELECT
  `col N` < -1.5 OR `col N` > 10 AS failing
FROM `main`.`t`;
