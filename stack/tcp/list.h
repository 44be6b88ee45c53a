#pragma once
// Queues through links that lie in their elements: no memory of their own, and any element leaves from where it stands.

namespace windhover::stack::tcp {

/// A place in one List of T. The last of a list names itself as the next one: null means not listed.
template <typename T>
struct ListLink {
  T* previous = nullptr;  ///< Of the first, and of what is not listed, without meaning.
  T* next = nullptr;

  bool linked() const { return next != nullptr; }
};

/// A queue of elements through their member `kLink`. Elements may share a link between lists that they are never in at
/// once. Does not own them. Thread: one lane.
template <typename T, ListLink<T> T::*kLink>
class List {
 public:
  bool empty() const { return head_ == nullptr; }
  /// Precondition: !empty().
  T& front() const { return *head_; }
  /// Adds at the back; harmless when the link is in use.
  void push(T& element) {
    ListLink<T>& link = element.*kLink;
    if (link.linked()) return;
    link = {tail_, &element};
    (tail_ == nullptr ? head_ : (tail_->*kLink).next) = &element;
    tail_ = &element;
  }
  /// Takes the first one out. Precondition: !empty().
  T& pop() {
    T& element = *head_;
    remove_first();
    return element;
  }
  /// Takes one out; harmless when it is not listed. Precondition: it is in no other list by this link.
  void remove(T& element) {
    ListLink<T>& link = element.*kLink;
    if (!link.linked()) return;
    if (&element == head_) return remove_first();
    const bool last = &element == tail_;
    (link.previous->*kLink).next = last ? link.previous : link.next;
    (last ? tail_ : (link.next->*kLink).previous) = link.previous;
    link.next = nullptr;
  }

 private:
  void remove_first() {
    ListLink<T>& link = head_->*kLink;
    if (head_ == tail_) tail_ = nullptr;
    head_ = tail_ == nullptr ? nullptr : link.next;
    link.next = nullptr;
  }

  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace windhover::stack::tcp
