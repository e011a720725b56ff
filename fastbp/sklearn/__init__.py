"""scikit-learn's multilayer perceptrons on this package's kernels, by changing the import alone.

>>> from fastbp.sklearn import MLPClassifier
>>> x, y = [[0.0, 0.0], [1.0, 1.0]], ["no", "yes"]
>>> MLPClassifier(solver="lbfgs", hidden_layer_sizes=5, random_state=1).fit(x, y).predict(x)
array(['no', 'yes'], dtype='<U3')
"""

from fastbp.integrations.packages import needed

needed("fastbp.sklearn", "scipy", "sklearn", "scipy")
needed("fastbp.sklearn", "sklearn", "sklearn", "scikit-learn")

from fastbp.sklearn.classifier import MLPClassifier  # noqa: E402
from fastbp.sklearn.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
